import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.publishing import gate
from newsletter.publishing.audience_size import Usual, objection, usual_of

USUAL = Usual(median=12_000, mailings=10)


@pytest.mark.parametrize(
    ("readers", "unusual"), [(12_000, False), (9_600, False), (9_599, True), (14_400, False), (14_401, True), (0, True)]
)
def test_a_fifth_more_or_fewer_is_unusual(readers, unusual):
    assert USUAL.differs(readers) is unusual


def test_a_handful_is_no_sign_on_a_small_list():
    assert not Usual(median=12, mailings=3).differs(20)
    assert Usual(median=12, mailings=3).differs(22)


def test_the_median_stands_against_one_odd_day_and_three_mailings_are_needed():
    assert usual_of([100, 100, 3, 100, 5_000]) == Usual(median=100, mailings=5)
    assert usual_of([100, 100]) is None
    assert objection(7, None, None) == ""


@given(readers=st.integers(0, 10**6), usual=st.integers(1, 10**6))
def test_who_names_the_number_is_let_through_and_who_names_another_is_not(readers, usual):
    size = Usual(median=usual, mailings=5)
    assert objection(readers, size, readers) == ""
    assert objection(readers, size, readers * 2 + 100)


def test_people_join_while_somebody_types():
    assert objection(10_050, USUAL, 10_000) == ""
    assert objection(10_150, USUAL, 10_000) == "10,000 readers were expected, and it would go to 10,150"


def facts(**changed):
    usual = {"subject": "s", "postal_address": "p", "recipients": 9_000, "list_name": "daily"}
    return gate.Facts(**{**usual, **changed})


def test_the_gate_asks_for_the_number():
    assert gate.findings(facts()) == []
    found = gate.findings(facts(usual=USUAL))
    assert [one.code for one in found] == ["GATE-AUDIENCE-SIZE"]
    assert "9,000 readers, 25% fewer than usual (12,000, the median of the list’s last 10 mailings)" in found[0].message
    assert gate.findings(facts(usual=USUAL, expected=9_000)) == []
    assert [one.code for one in gate.findings(facts(recipients=0, usual=USUAL))] == ["GATE-AUDIENCE-EMPTY"]
