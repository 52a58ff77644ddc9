"""Who was erased, told outside the database too: a backup that is put back has them again, and knows nothing of it.

A file on each machine where people are erased, with a line for each: the keyed hash that the database keeps of them, and
the instant. Nobody can read an address from it. Losing it does no harm but that it tells nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, select

from newsletter.audience import erasing
from newsletter.audience.suppressions import Fingerprint
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.tables import subscriber

ERASURES_FILE = "erased"
"""Its name in the newsroom's data folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasures:
    """The file, which need not be there."""

    path: Path

    @classmethod
    def of(cls, data: Path) -> Self:
        """The newsroom's, in its data folder."""
        return cls(path=data / ERASURES_FILE)

    def note(self, digest: str, *, at: datetime) -> bool:
        """Note that somebody was erased; whether that could be written. It is on the disk afterwards.

        Args:
            digest: the keyed hash of their address.
            at: the instant, as in the database; aware.
        """
        line = f"{at.astimezone(UTC).isoformat()} {digest}\n".encode("ascii")
        try:
            opened = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # One call: of two processes that write at once neither cuts the other's line.
                os.write(opened, line)
                os.fsync(opened)
            finally:
                os.close(opened)
        except OSError:
            return False
        return True

    def since(self, instant: datetime | None) -> dict[str, datetime]:
        """Who was erased after an instant, or ever: the last instant by keyed hash. What cannot be read tells nothing."""
        try:
            lines = self.path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return {}
        found = (told for line in lines if (told := _told(line)) is not None)
        return {digest: at for at, digest in sorted(found) if instant is None or at > instant}


def _told(line: str) -> tuple[datetime, str] | None:
    instant, _, digest = line.partition(" ")
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        return None
    return (at, digest) if digest.isalnum() and at.tzinfo is not None else None


def erase_again(
    store: Store, erased: Mapping[str, datetime], *, fingerprint: Fingerprint, now: datetime, actor: str
) -> list[int]:
    """Erase those again whom a restored database has back; their numbers. No import brings in the others either.

    Args:
        store: the restored database.
        erased: the keyed hashes of those who were erased after the backup, each with its instant.
        fingerprint: makes those hashes.
        now: for the audit.
        actor: who does it, for the audit.

    Raises:
        InputError: the database takes nothing. Those before are erased.
    """
    known = _known(store, erased, fingerprint) if erased else {}
    # Who came after the erasure came of their own will.
    back = sorted(number for digest, (number, came) in known.items() if came < erased[digest])
    for number in back:
        store.write(partial(_erase, number=number, fingerprint=fingerprint, at=now, actor=actor), alone=True)
    gone = {digest: at for digest, at in erased.items() if digest not in known}
    if gone:
        store.write(partial(erasing.keep_hashes, hashes=gone), alone=True)
    return back


def _known(store: Store, erased: Mapping[str, datetime], fingerprint: Fingerprint) -> dict[str, tuple[int, datetime]]:
    """Those of them who are here, by their hash: number, and when they came. One for each reader is made: seconds for a million."""
    people = select(subscriber.c.id, subscriber.c.address_key, subscriber.c.created_at)
    with store.reading() as connection:
        rows = connection.execution_options(yield_per=10_000).execute(people)
        named = ((fingerprint(row.address_key), row) for row in rows if row.address_key)
        return {digest: (row.id, row.created_at) for digest, row in named if digest in erased}


def _erase(connection: Connection, *, number: int, fingerprint: Fingerprint, at: datetime, actor: str) -> None:
    # Somebody may just have done it.
    with suppress(InputError):
        erasing.erase(connection, number, fingerprint=fingerprint, at=at, actor=actor)
