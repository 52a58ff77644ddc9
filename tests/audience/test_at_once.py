"""Readers, the newsroom and its workers at the same moment, on either database: whoever is first, nothing is half done."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from newsletter.audience import ImportResult, erasing, joining, leaving, lists, moving, own_data, subscribers
from newsletter.errors import BlockedError, InputError
from newsletter.store import Store
from newsletter.store.audience_tables import consent
from newsletter.store.statuses import ConsentStep, ConsentWay, NoticeKind
from newsletter.store.tables import notice, subscriber, subscription
from newsletter.tokens import Purpose, TokenError, TokenKeys

KEYS = TokenKeys({0: b"a key for the tests only"})
ROUNDS = 6
Clock = Callable[[], datetime]
Step = Callable[[], Any]


def at_once(*steps: Step) -> list[Any]:
    """What each gives, or the refusal that it ends with; anything else that is raised is a fault."""
    start = Barrier(len(steps))

    def run(step: Step) -> Any:
        start.wait(20)
        try:
            return step()
        except (TokenError, BlockedError, InputError) as refusal:
            return refusal

    with ThreadPoolExecutor(len(steps)) as threads:
        return list(threads.map(run, steps))


def asked(db: Store, address: str, at: datetime) -> tuple[int, int]:
    """Somebody who asked to join; their number and the list's."""
    daily = lists.require(db, "daily").id
    with db.writing() as connection:
        row = {"address": address, "address_key": address, "domain": address.partition("@")[2], "created_at": at}
        number = connection.execute(insert(subscriber).values(row).returning(subscriber.c.id)).scalar_one()
        said = {"consent_text": "", "consent_source": "", "consent_at": at, "changed_at": at}
        one = {"list_id": daily, "subscriber_id": number, "status": "unconfirmed", **said}
        connection.execute(insert(subscription).values(one))
    return number, daily


def confirming(db: Store, number: int, daily: int, address: str, at: datetime) -> Step:
    token = KEYS.fresh(Purpose.CONFIRM, number, daily, address_key=address, until=at + timedelta(days=3))
    told = {"welcome": ["daily"], "language": None, "network": "", "text": "Yes"}
    return lambda: joining.confirm(db, KEYS, token, now=at, **told)


def added(db: Store, address: str, at: datetime) -> int:
    given = {"list_name": "daily", "consent": "yes", "fingerprint": KEYS.fingerprint}
    return subscribers.add(db, address, clock=lambda: at, **given)[0].id


def erasing_own(db: Store, number: int, address: str, at: datetime) -> Step:
    token = KEYS.fresh(Purpose.MANAGE, number, 1, address_key=address, until=at + timedelta(days=1))
    return lambda: own_data.erase_own(db, KEYS, token, now=at)


def count(db: Store, *where: Any) -> int:
    with db.reading() as connection:
        return connection.execute(select(func.count()).where(*where)).scalar_one()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_four_confirmations_at_once_are_one(db: Store, clock: Clock, number: int) -> None:
    address = f"r{number}@post.example"
    person, daily = asked(db, address, clock())
    told = at_once(*[confirming(db, person, daily, address, clock())] * 4)
    assert sorted(one.changed for one in told) == [False, False, False, True]
    assert count(db, consent.c.what == ConsentStep.CONFIRMED) == 1
    assert count(db, notice.c.kind == NoticeKind.WELCOME) == 1


@pytest.mark.parametrize("number", range(ROUNDS))
def test_who_is_erased_while_confirming_is_nobody(db: Store, clock: Clock, number: int) -> None:
    address = f"r{number}@post.example"
    person, daily = asked(db, address, clock())
    confirm = confirming(db, person, daily, address, clock())
    at_once(confirm, erasing_own(db, person, address, clock()), confirm, erasing_own(db, person, address, clock()))
    for table in (subscriber, subscription, consent, notice):
        assert count(db, table.c.id > 0) == 0, table.name
    assert isinstance(at_once(confirm)[0], TokenError)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_who_is_imported_while_being_erased_stays_out(
    db: Store, clock: Clock, take: Callable[..., ImportResult], number: int
) -> None:
    address = f"r{number}@post.example"
    person = added(db, address, clock())
    rows = "".join(f"{name}{number}@post.example\n" for name in ("a", "r", "z"))
    at_once(lambda: take("email\n" + rows, fingerprint=KEYS.fingerprint), erasing_own(db, person, address, clock()))
    take("email\n" + rows, fingerprint=KEYS.fingerprint)
    with db.reading() as connection:
        left = connection.execute(select(subscriber.c.address_key).order_by(subscriber.c.id)).scalars()
        assert list(left) == [f"a{number}@post.example", f"z{number}@post.example"]
    assert count(db, subscription.c.id > 0) == 2


@pytest.mark.parametrize("number", range(ROUNDS))
def test_of_two_who_want_one_address_one_gets_it(db: Store, clock: Clock, number: int) -> None:
    at, new = clock(), f"new{number}@post.example"
    steps = []
    for name in ("ann", "bob"):
        person = added(db, f"{name}{number}@post.example", at)
        with db.writing() as connection:
            row = {"kind": "address", "address": new, "address_key": new, "subscriber_id": person, "status": "accepted"}
            made = insert(notice).values(**row, created_at=at, changed_at=at).returning(notice.c.id)
            asked_by = connection.execute(made).scalar_one()
        until = at + timedelta(days=1)
        token = KEYS.fresh(Purpose.ADDRESS, person, asked_by, address_key=f"{name}{number}@post.example", until=until)
        steps.append(lambda token=token: moving.confirm_address(db, KEYS, token, network="", now=at))
    told = at_once(*steps, *steps)
    assert sum(isinstance(one, moving.TakenError) for one in told) == 2
    assert count(db, subscriber.c.address_key == new) == 1
    assert count(db, notice.c.kind == NoticeKind.MOVED) == 1


@pytest.mark.parametrize("number", range(ROUNDS))
def test_leaving_and_undoing_at_once_leaves_as_much_evidence_as_there_were_changes(
    db: Store, clock: Clock, number: int
) -> None:
    at, daily = clock(), lists.require(db, "daily").id
    person = added(db, f"r{number}@post.example", at)
    given = {"at": at, "how": ConsentWay.LINK}

    def leave() -> bool:
        return leaving.leave(db, person, daily, **given)

    def undo() -> bool:
        return leaving.undo(db, person, daily, fingerprint=KEYS.fingerprint, **given)

    told = at_once(leave, undo, leave, undo)
    left = count(db, consent.c.what == ConsentStep.LEFT)
    undone = count(db, consent.c.what == ConsentStep.UNDONE)
    assert told.count(True) == left + undone
    standing = leaving.reader(db, person)
    assert standing is not None
    assert standing.standings[0].status.value == ("subscribed" if left == undone else "unsubscribed")
    assert left - undone in {0, 1}


def test_two_who_erase_the_same_person_do_it_once(db: Store, clock: Clock) -> None:
    person = added(db, "ann@post.example", clock())

    def erase() -> erasing.Erased:
        def step(connection: Any) -> erasing.Erased:
            return erasing.erase(connection, person, fingerprint=KEYS.fingerprint, at=clock(), actor="ada")

        return db.write(step, alone=True)

    told = at_once(*[erase] * 4)
    assert sorted(type(one).__name__ for one in told) == ["Erased", "InputError", "InputError", "InputError"]
