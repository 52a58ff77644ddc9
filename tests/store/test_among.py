"""Many numbers as one parameter, on both databases."""

import pytest
from sqlalchemy import insert, select, update

from newsletter.clock import system_clock
from newsletter.store.among import among
from newsletter.store.tables import mailing_list


@pytest.fixture
def lists(database):
    with database.writing() as connection:
        rows = [{"name": f"l{number}", "title": "", "created_at": system_clock()} for number in range(5)]
        connection.execute(insert(mailing_list), rows)
    return database


@pytest.mark.parametrize(
    ("asked", "found"),
    [([], []), ([2], [2]), ([4, 1, 9], [1, 4]), ([1, 1], [1]), (list(range(1, 50_001)), [1, 2, 3, 4, 5])],
)
def test_those_among_the_numbers_are_found_however_many_there_are(lists, asked, found):
    with lists.reading() as connection:
        rows = select(mailing_list.c.id).where(among(mailing_list.c.id, "ids")).order_by(mailing_list.c.id)
        assert connection.execute(rows, {"ids": asked}).scalars().all() == found


def test_it_stands_beside_other_conditions_and_in_an_update(lists):
    with lists.writing() as connection:
        named = (
            update(mailing_list).where(among(mailing_list.c.id, "ids"), mailing_list.c.name != "l0").values(title="x")
        )
        assert connection.execute(named, {"ids": [1, 2, 3]}).rowcount == 2
