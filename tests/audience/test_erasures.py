"""Who was erased stays erased, also where a backup that has them again is put back."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.audience import subscribers
from newsletter.audience.erasures import Erasures, erase_again
from newsletter.errors import BlockedError
from newsletter.store import Store
from newsletter.store.tables import suppression
from newsletter.tokens import TokenKeys

Clock = Callable[[], datetime]
KEYS = TokenKeys({0: b"a key for the tests only"})
HOUR = timedelta(hours=1)


def add(db: Store, address: str, at: datetime) -> int:
    given = {"list_name": "daily", "consent": "yes", "fingerprint": KEYS.fingerprint}
    return subscribers.add(db, address, clock=lambda: at, **given)[0].id


def test_what_was_noted_after_an_instant_is_told_by_its_hash_alone(tmp_path: Path, clock: Clock) -> None:
    told, at = Erasures.of(tmp_path), clock()
    assert told.since(None) == {}
    for number, name in enumerate(("ann", "bob", "ann")):
        assert told.note(KEYS.fingerprint(f"{name}@post.example"), at=at + number * HOUR)
    ann, bob = (KEYS.fingerprint(f"{name}@post.example") for name in ("ann", "bob"))
    assert told.since(None) == {ann: at + 2 * HOUR, bob: at + HOUR}
    assert told.since(at + HOUR) == {ann: at + 2 * HOUR}
    assert told.path.stat().st_mode & 0o777 == 0o600
    assert "@" not in told.path.read_text()


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, clock: Clock) -> None:
    assert not Erasures.of(tmp_path / "nowhere").note("ab", at=clock())


@given(st.binary(max_size=200))
def test_whatever_stands_in_the_file_is_no_fault(content: bytes) -> None:
    path = Path(f"/proc/self/fd/{os.memfd_create('erased')}")
    path.write_bytes(content)
    for at in Erasures(path=path).since(None).values():
        assert at.tzinfo is not None
    os.close(int(path.name))


def test_those_who_are_back_are_erased_again_and_the_others_kept_out(db: Store, clock: Clock) -> None:
    at = clock()
    ann, _bob, new = (
        add(db, "ann@post.example", at),
        add(db, "bob@post.example", at),
        add(db, "new@post.example", at + HOUR),
    )
    erased = {
        KEYS.fingerprint("ann@post.example"): at + timedelta(minutes=1),
        # Joined after the backup, and is not in it; and one who came back of their own will.
        KEYS.fingerprint("cy@post.example"): at + timedelta(minutes=2),
        KEYS.fingerprint("new@post.example"): at,
    }
    again = {"fingerprint": KEYS.fingerprint, "now": at + 2 * HOUR, "actor": "ada"}
    assert erase_again(db, erased, **again) == [ann]
    assert erase_again(db, erased, **again) == []
    for name in ("ann", "cy"):
        with pytest.raises(BlockedError, match="suppressed"):
            add(db, f"{name}@post.example", at + 3 * HOUR)
    for name, number in (("bob", None), ("new", new)):
        found = subscribers.find(db, f"{name}@post.example", fingerprint=KEYS.fingerprint)
        assert found is not None
        assert found.suppressed is None
        assert number in {None, found.id}
    with db.reading() as connection:
        reasons = connection.execute(select(suppression.c.reason)).scalars().all()
    assert reasons == ["erased", "erased"]


def test_nobody_erased_costs_nothing(db: Store, clock: Clock) -> None:
    add(db, "ann@post.example", clock())
    assert erase_again(db, {}, fingerprint=KEYS.fingerprint, now=clock(), actor="ada") == []
