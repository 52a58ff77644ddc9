from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from newsletter.audience import labelling, subscribers
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.audience_tables import attribute

Clock = Callable[[], datetime]


@pytest.fixture
def ann(db: Store, clock: Clock) -> int:
    found, _ = subscribers.add(db, "ann@example.org", list_name="daily", consent="yes", clock=clock)
    return found.id


def test_a_tag_is_put_on_once_in_one_spelling_and_taken_off(db: Store, ann: int) -> None:
    with db.writing() as connection:
        assert labelling.put_on(connection, ann, ["Donor", "donor", "New York"]) == ["donor", "new york"]
        assert labelling.put_on(connection, ann, ["DONOR"]) == []
        assert labelling.tags_of(connection, ann) == ["donor", "new york"]
        assert labelling.take_off(connection, ann, ["Donor", "press"]) == ["donor"]
        assert labelling.tags_of(connection, ann) == ["new york"]
        assert labelling.known_tags(connection) == ["donor", "new york"]


def test_attributes_are_set_changed_and_taken_away(db: Store, ann: int) -> None:
    with db.writing() as connection:
        assert labelling.set_values(connection, ann, {"country": "New  Zealand", "plan": "gold"}) == ["country", "plan"]
        assert labelling.set_values(connection, ann, {"country": "New Zealand", "plan": "silver"}) == ["plan"]
        assert labelling.values_of(connection, ann) == {"country": "New Zealand", "plan": "silver"}
        assert connection.execute(select(attribute.c.value_key).order_by(attribute.c.name)).scalars().all() == [
            "new zealand",
            "silver",
        ]
        assert labelling.set_values(connection, ann, {"plan": "", "nothing": ""}) == ["plan"]
        assert labelling.values_of(connection, ann) == {"country": "New Zealand"}
        assert labelling.known_attributes(connection) == ["country"]


@pytest.mark.parametrize("bad", ["", " ", "x" * 101])
def test_what_can_be_no_tag_is_refused(db: Store, ann: int, bad: str) -> None:
    with db.writing() as connection, pytest.raises(InputError):
        labelling.put_on(connection, ann, [bad])


def test_what_can_be_no_attribute_is_refused(db: Store, ann: int) -> None:
    with db.writing() as connection, pytest.raises(InputError):
        labelling.set_values(connection, ann, {"country": "x" * 501})
