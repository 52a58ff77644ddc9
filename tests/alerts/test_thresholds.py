from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.alerts.thresholds import Count, Threshold, breaches

BOUNCES = Threshold(metric="bounces", share=0.02, volume=100, cases=10)


@pytest.mark.parametrize(
    ("cases", "volume", "passed"),
    [
        (0, 0, False),
        (10, 99, False),  # too few in all to prove anything
        (9, 100, False),  # too few cases
        (10, 100, True),
        (10, 500, True),  # exactly the share
        (10, 501, False),
        (2, 100, False),
        (19_999, 1_000_000, False),
        (20_000, 1_000_000, True),
    ],
)
def test_a_threshold_is_passed_at_its_share_past_its_volume(cases, volume, passed):
    assert BOUNCES.passed(Count(cases=cases, volume=volume)) is passed


def test_a_share_of_one_is_never_reached():
    off = Threshold(metric="bounces", share=1.0, volume=1)
    assert not off.passed(Count(cases=50, volume=50))


@given(cases=st.integers(0, 10**6), volume=st.integers(0, 10**6), more=st.integers(0, 10**6))
def test_the_same_counts_again_are_nothing_new(cases, volume, more):
    counted = Count(cases=cases, volume=volume)
    assert counted.since(counted) == Count(cases=0, volume=0)
    later = Count(cases=cases + more, volume=volume + more)
    assert later.since(counted) == Count(cases=more, volume=more)


@given(cases=st.integers(0, 10**4), volume=st.integers(1, 10**4), extra=st.integers(0, 10**4))
def test_more_cases_of_as_many_never_undo_a_breach(cases, volume, extra):
    if BOUNCES.passed(Count(cases=cases, volume=volume)):
        assert BOUNCES.passed(Count(cases=cases + extra, volume=volume))


def test_breaches_come_in_the_order_of_the_thresholds_and_only_of_what_was_counted():
    complaints = Threshold(metric="complaints", share=0.001, volume=1_000, cases=3, window=timedelta(hours=1))
    counts = {"bounces": Count(cases=50, volume=100), "complaints": Count(cases=5, volume=1_000)}
    assert [one.threshold.metric for one in breaches((complaints, BOUNCES), counts)] == ["complaints", "bounces"]
    assert breaches((complaints,), {"bounces": counts["bounces"]}) == []
