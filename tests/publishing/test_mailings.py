from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from newsletter.audience import lists
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import editions, mailings
from newsletter.rendering import Edition
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EDITION = Edition(
    subject="Should ferries be free?",
    preheader="Both sides",
    html="<p>Hello</p>",
    text="Hello",
    nonce="0123456789abcdef",
    from_name="The Ledger",
    from_address="news@ledger.example",
    from_header="From: The Ledger <news@ledger.example>",
    reply_to=None,
    language="en",
    base_url="http://localhost:8025",
    manifest={},
)


@pytest.fixture
def opened(database):
    return database


@pytest.fixture
def order(opened):
    return mailings.Order(
        issue="2026-11-23-ferries",
        edition=EDITION,
        target=lists.ensure(opened, "daily", title="The Daily", clock=lambda: NOON),
        local_date=date(2026, 11, 23),
        not_later_than=NOON + timedelta(hours=6),
        actor="ada",
        waived={"SIDE-UNDECIDED"},
    )


def test_a_mailing_is_made_with_its_edition_its_wave_and_its_audit(opened, order):
    made = mailings.create(opened, order, now=NOON)
    assert (made.status, made.list_name, made.list_title) == (MailingStatus.SCHEDULED, "daily", "The Daily")
    assert mailings.get(opened, made.id) == made == mailings.find(opened, order.target, order.local_date)
    assert editions.edition_of(opened, made.edition_digest) == EDITION
    with opened.reading() as connection:
        assert connection.execute(select(tables.wave.c.mailing_id)).scalars().all() == [made.id]
        noted = connection.execute(select(tables.audit)).one()
    assert (noted.actor, noted.action, noted.subject) == ("ada", "mailing.create", f"mailing:{made.id}")
    assert noted.detail["waived"] == ["SIDE-UNDECIDED"]


def test_a_list_has_one_issue_a_day(opened, order):
    mailings.create(opened, order, now=NOON)
    with pytest.raises(BlockedError, match="has a mailing of 2026-11-23 already"):
        mailings.create(opened, order, now=NOON)
    with opened.reading() as connection:
        assert connection.execute(select(func.count()).select_from(tables.wave)).scalar_one() == 1


def test_an_edition_is_frozen_once(opened):
    with opened.writing() as connection:
        digests = {editions.freeze(connection, EDITION, issue="a", now=NOON) for _ in range(3)}
        assert connection.execute(select(tables.edition.c.digest)).scalars().all() == list(digests)


def test_a_damaged_edition_is_noticed(opened, order):
    made = mailings.create(opened, order, now=NOON)
    changed = EDITION.to_bytes().replace(b"Hello", b"Hallo")
    with opened.writing() as connection:
        connection.execute(update(tables.edition).values(content=changed))
    with pytest.raises(InputError, match="damaged"):
        editions.edition_of(opened, made.edition_digest)


def test_a_transition_is_written_only_over_the_state_it_was_made_from(opened, order):
    made = mailings.create(opened, order, now=NOON)
    sending = mailings.move(opened, made, made.start(NOON))
    assert mailings.get(opened, made.id) == sending
    with pytest.raises(BlockedError, match="changed by another process"):
        mailings.move(opened, made, made.cancel(NOON))
    assert mailings.get(opened, made.id).status is MailingStatus.SENDING


def test_a_mailing_that_is_not_there_is_an_input_error(opened):
    with pytest.raises(InputError, match="no mailing 99"):
        mailings.get(opened, 99)
