from collections.abc import Callable
from datetime import datetime

import pytest

from newsletter.audience import choosing, lists
from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.audience.segments import FilterError, named
from newsletter.errors import InputError
from newsletter.store import Store

Clock = Callable[[], datetime]


@pytest.fixture
def choose(db: Store, clock: Clock) -> Callable[..., Choice]:
    named.put(db, "donors", "tag:donor or tag:press", replace=False, actor="ada", now=clock())

    def chosen(segment: str | None = None, text: str | None = None, without: tuple[str, ...] = ()) -> Choice:
        target = lists.require(db, "daily")
        return choosing.choose(db, target, segment=segment, text=text, without=without)

    return chosen


def test_nothing_asked_for_is_everybody(choose: Callable[..., Choice]) -> None:
    assert choose() == EVERYBODY
    assert EVERYBODY.in_words == ""


def test_a_segment_is_kept_as_its_filter_and_its_name(choose: Callable[..., Choice]) -> None:
    found = choose("donors")
    assert (found.filter, found.segment) == ("tag:donor or tag:press", "donors")
    assert found.in_words == "donors: tag:donor or tag:press"


def test_of_a_segment_and_a_filter_both_have_to_hold(choose: Callable[..., Choice]) -> None:
    found = choose("donors", "not country:US or tag:vip")
    assert (found.filter, found.segment) == ("(tag:donor or tag:press) and (not country:US or tag:vip)", "")


def test_lists_are_left_out_by_name(choose: Callable[..., Choice]) -> None:
    found = choose(None, "tag:donor", ("weekly", "weekly"))
    assert [each.name for each in found.without] == ["weekly"]
    assert found.in_words == "tag:donor; nobody on weekly"
    assert found.as_dict() == {"segment": None, "filter": "tag:donor", "excluded_lists": ["weekly"]}


def test_what_cannot_be_chosen_is_refused(choose: Callable[..., Choice]) -> None:
    with pytest.raises(InputError, match="no segment is called 'doners'"):
        choose("doners")
    with pytest.raises(FilterError):
        choose(None, "tag:")
    with pytest.raises(InputError, match="no list is called"):
        choose(None, None, ("hourly",))
    with pytest.raises(InputError, match="everybody on 'daily' would be left out"):
        choose(None, None, ("daily",))
