from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.backoff import Backoff


@given(st.integers(min_value=1, max_value=10_000))
def test_waits_stay_within_their_bounds(tries):
    seconds = Backoff(first=5, longest=600, jitter=0.2).wait(tries).total_seconds()
    assert 4 <= seconds <= 720


def test_waits_double_until_the_longest():
    backoff = Backoff(first=5, longest=600, jitter=0)
    assert [backoff.wait(tries).total_seconds() for tries in (1, 2, 3, 4, 8, 9)] == [5, 10, 20, 40, 600, 600]


def test_two_that_failed_together_wait_differently():
    assert len({Backoff().wait(3) for _ in range(50)}) > 40
