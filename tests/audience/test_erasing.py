"""Erasing leaves no byte of a person: looked for in the whole file of SQLite, in its log, and in a dump of PostgreSQL."""

import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import ColumnElement, func, insert, select, update

from newsletter.audience import erasing, labelling, lists, subscribers, suppressions
from newsletter.audience.addresses import parse
from newsletter.errors import BlockedError, InputError
from newsletter.store import Store, sqlite
from newsletter.store.audience_tables import attribute, consent, subscriber_tag, wording
from newsletter.store.statuses import DeliveryStatus, SuppressionReason
from newsletter.store.tables import (
    attempt,
    audit,
    chunk,
    delivery,
    edition,
    event,
    mailing,
    notice,
    subscriber,
    subscription,
    suppression,
    wave,
)
from newsletter.tokens import TokenKeys

Clock = Callable[[], datetime]
KEYS = TokenKeys({0: b"a key for the tests only"})
SPELLINGS = ("Zoe.Quill@Post.example", "zoe.quill@post.example")
NAMED = ("zoe.quill", "Zoe.Quill", "Zoe Quill", "zoe-likes-oysters", "Zoe wrote to us")


def add(db: Store, clock: Clock, address: str, **given: str) -> int:
    found, _ = subscribers.add(db, address, list_name="daily", clock=clock, fingerprint=KEYS.fingerprint, **given)
    return found.id


@pytest.fixture
def zoe(db: Store, clock: Clock) -> int:
    """A reader of whom something is kept in every place, among others."""
    for number in range(300):
        add(db, clock, f"reader{number}@d{number % 7}.example", consent="Asked at the fair")
    number = add(db, clock, SPELLINGS[0], consent="Zoe wrote to us", name="Zoe Quill", zone="Europe/Berlin")
    bob = add(db, clock, "bob@post.example", consent="Asked at the fair")
    with db.writing() as connection:
        labelling.put_on(connection, number, ["donor"])
        labelling.set_values(connection, number, {"note": "zoe-likes-oysters", "country": "DE"})
    suppressions.add(db, parse(SPELLINGS[0]), SuppressionReason.BOUNCE, clock=clock, evidence=f"550 <{SPELLINGS[1]}>")
    mailed(db, clock, [number, bob])
    return number


def mailed(db: Store, clock: Clock, readers: list[int]) -> None:
    """A mailing that is being sent, and one that has ended, with what providers told of them; notices too."""
    at = clock()
    daily = lists.require(db, "daily").id
    with db.writing() as connection:
        digest = {"digest": "d" * 64, "issue": "i", "subject": "s", "content": b"", "created_at": at}
        connection.execute(insert(edition).values(digest))
        for number, status in ((1, "finished"), (2, "sending")):
            row = {"list_id": daily, "local_date": at.date() + timedelta(days=number), "kind": "issue", "issue": "i"}
            row |= {"edition_digest": "d" * 64, "status": status, "not_later_than": at, "excluded": {}}
            connection.execute(insert(mailing).values(id=number, created_at=at, **row))
            of = {"mailing_id": number, "due_at": at, "released_at": at, "edition_digest": "d" * 64}
            connection.execute(insert(wave).values(id=number, **of))
            held = {"wave_id": number, "status": "closed", "worker": "w", "created_at": at, "lease_until": at}
            connection.execute(insert(chunk).values(id=number, **held))
            for reader in readers:
                sent = {"mailing_id": number, "wave_id": number, "subscriber_id": reader, "changed_at": at}
                end = "rejected" if status == "finished" else "pending"
                sent |= {"status": end, "chunk_id": number if status == "finished" else None}
                connection.execute(insert(delivery).values(sent))
        first = select(delivery.c.id).where(delivery.c.subscriber_id == readers[0], delivery.c.mailing_id == 1)
        number = connection.execute(first).scalar_one()
        tried = {"chunk_id": 1, "fence": 1, "outcome": "rejected", "started_at": at, "ended_at": at}
        connection.execute(insert(attempt).values(delivery_id=number, reply="550 no zoe.quill here", **tried))
        connection.execute(insert(attempt).values(delivery_id=None, reply=f"{SPELLINGS[1]} is unknown", **tried))
        told = {"provider": "p", "type": "bounced", "at": at, "received_at": at, "machine": False}
        raw = {"email": SPELLINGS[0], "reason": "full"}
        connection.execute(insert(event).values(provider_event="1", delivery_id=number, raw=raw, **told))
        connection.execute(insert(event).values(provider_event="2", delivery_id=None, raw=raw, **told))
        other = {"email": "bob@post.example"}
        connection.execute(insert(event).values(provider_event="3", delivery_id=number + 1, raw=other, **told))
        for kind in ("confirmation", "test"):
            to = {"address": SPELLINGS[0], "address_key": SPELLINGS[1], "created_at": at, "changed_at": at}
            connection.execute(insert(notice).values(kind=kind, status="accepted", reply=SPELLINGS[0], **to))


def erase(db: Store, number: int, at: datetime) -> erasing.Erased:
    with db.writing(alone=True) as connection:
        return erasing.erase(connection, number, fingerprint=KEYS.fingerprint, at=at, actor="ada")


def number_of(db: Store, *where: ColumnElement[bool]) -> int:
    with db.reading() as connection:
        return connection.execute(select(func.count()).where(*where)).scalar_one()


def kept(db: Store, database_url: str) -> str:
    """All that the database keeps, as it is on the disk."""
    if not db.is_sqlite:
        dumped = subprocess.run(["pg_dump", "--inserts", database_url], capture_output=True, check=True, timeout=60)
        return dumped.stdout.decode()
    file = Path(database_url.removeprefix("sqlite:///"))
    return "".join(path.read_bytes().decode("latin-1") for path in sorted(file.parent.glob(f"{file.name}*")))


def test_no_byte_of_the_person_is_left(db: Store, database_url: str, clock: Clock, zoe: int) -> None:
    words = [*SPELLINGS, *NAMED]
    before = kept(db, database_url)
    assert [word for word in words if word not in before] == []
    erased = erase(db, zoe, clock())
    if db.is_sqlite:
        sqlite.scrub(db.engine, db.place)
    after = kept(db, database_url)
    assert [word for word in words if word.lower() in after.lower()] == []
    assert "bob@post.example" in after
    assert erased == erasing.Erased(subscriber=zoe, subscriptions=1, evidence=1, deliveries=2, events=2, notices=2)


def test_what_they_got_stays_as_nobodys(db: Store, clock: Clock, zoe: int) -> None:
    with db.reading() as connection:
        before = connection.execute(select(delivery.c.id, delivery.c.status).order_by(delivery.c.id)).all()
    erase(db, zoe, clock())
    with db.reading() as connection:
        assert connection.execute(select(delivery.c.id, delivery.c.status).order_by(delivery.c.id)).all() == before
        whose = dict(connection.execute(select(delivery.c.id, delivery.c.subscriber_id)).all())
        assert zoe not in whose.values()
        assert sorted(number for number, who in whose.items() if who == -number) == sorted(
            number for number, who in whose.items() if who < 0
        )
        raw = dict(connection.execute(select(event.c.provider_event, event.c.raw)).all())
    assert raw == {"1": {}, "2": {}, "3": {"email": "bob@post.example"}}
    assert number_of(db, subscriber.c.id == zoe) == 0
    assert number_of(db, subscription.c.subscriber_id == zoe) == 0
    assert number_of(db, subscriber_tag.c.subscriber_id == zoe) == number_of(db, attribute.c.subscriber_id == zoe) == 0


def test_an_address_that_they_had_before_goes_with_them(db: Store, database_url: str, clock: Clock, zoe: int) -> None:
    moved = {"address": "Zoe.Quill@Now.example", "address_key": "zoe.quill@now.example"}
    with db.writing() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id == zoe).values(domain="now.example", **moved))
        told = {"kind": "moved", "status": "accepted", "created_at": clock(), "changed_at": clock()}
        old = {"address": SPELLINGS[0], "address_key": SPELLINGS[1], "subscriber_id": zoe}
        connection.execute(insert(notice).values(**told, **old))
    erase(db, zoe, clock())
    if db.is_sqlite:
        sqlite.scrub(db.engine, db.place)
    after = kept(db, database_url).lower()
    assert [word for word in (*SPELLINGS, *moved.values(), *NAMED) if word.lower() in after] == []
    for address in (SPELLINGS[0], moved["address"]):
        with pytest.raises(BlockedError, match="suppressed"):
            add(db, clock, address, consent="yes")


def test_an_earlier_address_that_somebody_else_has_now_stays_theirs(db: Store, clock: Clock, zoe: int) -> None:
    with db.writing() as connection:
        told = {"kind": "moved", "status": "accepted", "created_at": clock(), "changed_at": clock()}
        old = {"address": "bob@post.example", "address_key": "bob@post.example", "subscriber_id": zoe}
        connection.execute(insert(notice).values(**told, **old))
    erase(db, zoe, clock())
    assert suppressions.is_suppressed(db, parse("bob@post.example"), fingerprint=KEYS.fingerprint) is None
    assert subscribers.find(db, "bob@post.example", fingerprint=KEYS.fingerprint) is not None


def test_words_that_others_agreed_to_stay(db: Store, clock: Clock, zoe: int) -> None:
    erase(db, zoe, clock())
    with db.reading() as connection:
        assert connection.execute(select(wording.c.text)).scalars().all() == ["Asked at the fair"]
        assert connection.execute(select(func.count()).select_from(consent)).scalar_one() == 301


def test_the_tests_of_an_edition_keep_counting(db: Store, clock: Clock, zoe: int) -> None:
    erase(db, zoe, clock())
    with db.reading() as connection:
        found = connection.execute(select(notice.c.kind, notice.c.address, notice.c.status)).all()
    assert found == [("test", "", "accepted")]


def test_a_notice_that_waits_goes_nowhere(db: Store, clock: Clock, zoe: int) -> None:
    with db.writing() as connection:
        connection.execute(update(notice).where(notice.c.kind == "test").values(status="pending"))
    erase(db, zoe, clock())
    assert number_of(db, notice.c.status == DeliveryStatus.WITHDRAWN) == 1


def test_the_audit_names_them_by_number(db: Store, clock: Clock, zoe: int) -> None:
    erase(db, zoe, clock())
    with db.reading() as connection:
        (line,) = connection.execute(select(audit).where(audit.c.action == "subscriber.erase")).all()
    assert (line.subject, line.actor) == (f"subscriber:{zoe}", "ada")
    assert line.detail == {"subscriptions": 1, "evidence": 1, "deliveries": 2, "events": 2, "notices": 2}


def test_nobody_else_brings_them_back(db: Store, clock: Clock, zoe: int) -> None:
    erase(db, zoe, clock())
    with pytest.raises(BlockedError, match="suppressed"):
        add(db, clock, SPELLINGS[1], consent="It was in our old list")
    with db.reading() as connection:
        rows = connection.execute(select(suppression.c.address_key, suppression.c.reason, suppression.c.evidence)).all()
    assert sorted(rows) == [(None, "bounce", ""), (None, "erased", "")]


def test_a_complaint_outlives_the_person_and_erasing_twice_keeps_one_of_each(db: Store, clock: Clock) -> None:
    digest = KEYS.fingerprint("ann@post.example")
    for _ in range(2):
        with db.writing() as connection:
            row = {"address": "ann@post.example", "address_key": "ann@post.example", "domain": "post.example"}
            made = insert(subscriber).values(created_at=clock(), **row).returning(subscriber.c.id)
            number = connection.execute(made).scalar_one()
        suppressions.add(
            db, parse("ann@post.example"), SuppressionReason.COMPLAINT, clock=clock, evidence="ann said so"
        )
        erase(db, number, clock())
    with db.reading() as connection:
        rows = connection.execute(select(suppression.c.address_key, suppression.c.address_hash, suppression.c.reason))
        assert sorted(rows.all()) == [(None, digest, "complaint"), (None, digest, "erased")]


def test_who_is_gone_is_said_to_be_gone(db: Store, clock: Clock, zoe: int) -> None:
    erase(db, zoe, clock())
    with pytest.raises(InputError, match=f"no subscriber {zoe}"):
        erase(db, zoe, clock())


def test_no_number_is_given_twice(db: Store, clock: Clock, zoe: int) -> None:
    """Else links in an erased person's old mail would open the next one's pages."""
    eve = add(db, clock, "eve@post.example", consent="Asked at the fair")
    assert eve > zoe
    erase(db, eve, clock())
    assert add(db, clock, "fay@post.example", consent="Asked at the fair") > eve
