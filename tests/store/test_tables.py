from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from newsletter.store.tables import mailing_list, metadata, suppression

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def opened(database):
    return database


def test_an_instant_comes_back_in_utc(opened):
    somewhere = NOON.astimezone(timezone(timedelta(hours=-5)))
    with opened.writing() as connection:
        connection.execute(insert(mailing_list).values(name="a", title="A", created_at=somewhere))
    with opened.reading() as connection:
        found = connection.execute(select(mailing_list.c.created_at)).scalar_one()
    assert found == NOON
    assert found.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(opened):
    with pytest.raises(StatementError, match="no time zone"), opened.writing() as connection:
        connection.execute(insert(mailing_list).values(name="a", title="A", created_at=NOON.replace(tzinfo=None)))


def test_instants_compare_in_order(opened):
    with opened.writing() as connection:
        rows = [
            {"name": str(number), "title": "", "created_at": NOON + timedelta(microseconds=number)}
            for number in range(3)
        ]
        connection.execute(insert(mailing_list), rows)
        later = select(mailing_list.c.name).where(mailing_list.c.created_at > NOON)
        assert connection.execute(later).scalars().all() == ["1", "2"]


def test_a_suppression_must_name_someone(opened):
    with pytest.raises(IntegrityError, match="names_someone"), opened.writing() as connection:
        connection.execute(insert(suppression).values(reason="erased", at=NOON))


def test_a_word_that_is_no_status_is_refused(opened):
    with pytest.raises(IntegrityError, match="ck_suppression_reason"), opened.writing() as connection:
        connection.execute(insert(suppression).values(address_key="a@example.org", reason="whim", at=NOON))


def test_every_constraint_and_index_has_a_name_a_migration_can_use():
    for table in metadata.tables.values():
        assert all(rule.name for rule in (*table.constraints, *table.indexes)), table.name
        assert all(len(rule.name) <= 63 for rule in (*table.constraints, *table.indexes)), "PostgreSQL cuts at 63"
