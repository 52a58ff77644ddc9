from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from newsletter.audience import labelling, subscribers
from newsletter.audience.segments import FilterError, named, parse
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.tables import audit

Clock = Callable[[], datetime]


def put(db: Store, clock: Clock, name: str, text: str, *, replace: bool = False) -> named.Segment:
    return named.put(db, name, text, replace=replace, actor="ada", now=clock())


def test_a_segment_keeps_its_filter_in_one_written_form(db: Store, clock: Clock) -> None:
    made = put(db, clock, "us-donors", "( TAG:Donor )  AND country : us")
    assert made.filter == "tag:donor and country:us"
    assert named.require(db, "us-donors") == made
    assert named.all_of(db) == [made]


def test_a_segment_is_changed_only_on_purpose(db: Store, clock: Clock) -> None:
    first = put(db, clock, "donors", "tag:donor")
    assert put(db, clock, "donors", "tag:donor") == first
    with pytest.raises(InputError, match=r"there already: tag:donor.*--replace"):
        put(db, clock, "donors", "tag:press")
    assert put(db, clock, "donors", "tag:press", replace=True).filter == "tag:press"
    with db.reading() as connection:
        actions = connection.execute(select(audit.c.action, audit.c.actor)).all()
    assert actions == [("segment.put", "ada")] * 2


def test_a_segment_is_forgotten(db: Store, clock: Clock) -> None:
    put(db, clock, "donors", "tag:donor")
    named.remove(db, "donors", actor="ada", now=clock())
    assert named.all_of(db) == []
    with pytest.raises(InputError, match="no segment is called 'donors'"):
        named.remove(db, "donors", actor="ada", now=clock())


def test_an_unknown_segment_is_an_error_that_names_the_nearest(db: Store, clock: Clock) -> None:
    put(db, clock, "donors", "tag:donor")
    with pytest.raises(InputError, match="Did you mean 'donors'"):
        named.require(db, "donor")


@pytest.mark.parametrize("name", ["", "Donors", "a b", "-a", "a/b", "x" * 101, "a\n"])
def test_what_can_name_no_segment_is_refused(db: Store, clock: Clock, name: str) -> None:
    with pytest.raises(InputError, match="can name no segment"):
        put(db, clock, name, "tag:donor")


def test_a_filter_that_cannot_be_read_makes_no_segment(db: Store, clock: Clock) -> None:
    with pytest.raises(FilterError):
        put(db, clock, "donors", "tag:donor adn country:US")
    assert named.all_of(db) == []


def test_what_nobody_has_is_told_with_what_may_have_been_meant(db: Store, clock: Clock) -> None:
    ann, _ = subscribers.add(db, "ann@example.org", list_name="daily", consent="yes", clock=clock)
    with db.writing() as connection:
        labelling.put_on(connection, ann.id, ["donor"])
        labelling.set_values(connection, ann.id, {"country": "US"})
    asked = parse("tag:doner or tag:donor or contry:US or list:weakly or country:DE or zone:Asia/Tokyo or plan:*")
    with db.reading() as connection:
        assert named.unheard_of(connection, asked) == [
            "nobody has tag:doner; did you mean donor?",
            "nobody has an attribute contry; did you mean country?",
            "nobody has list:weakly; did you mean weekly?",
            "nobody has an attribute plan",
        ]
