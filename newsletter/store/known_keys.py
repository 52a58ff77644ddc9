"""Which secret keys this database's links are sealed with, known by fingerprints that stand in the audit.

Two processes with different keys would go on side by side unnoticed: the one seals links that the other cannot open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from newsletter.errors import InputError
from newsletter.store import audit
from newsletter.store.tables import audit as audit_table
from newsletter.store.tables import mailing, subscriber, suppression, user
from newsletter.tokens import SECRET_NAME

if TYPE_CHECKING:
    from newsletter.store.engine import Store

FIRST_USE, ADOPTION = "key.use", "key.adopt"
_ACTOR, _SUBJECT = "newsletter", "newsroom:keys"


def known(connection: Connection) -> dict[int, str]:
    """The fingerprint of each key by its number, as the first use, or the last adoption since, noted it."""
    lines = (
        select(audit_table.c.action, audit_table.c.detail)
        # One subject for all keys, so that the index finds them: this is asked at each start.
        .where(audit_table.c.subject == _SUBJECT)
        .order_by(audit_table.c.id)
    )
    found: dict[int, str] = {}
    for action, detail in connection.execute(lines):
        number = detail["number"]
        # Of two processes that began at once the first one counts; the other hears of it when it opens the next time.
        if action == ADOPTION or number not in found:
            found[number] = detail["fingerprint"]
    return found


def needed(store: Store) -> bool:
    """Whether a key was used for anything in the database, so that another one would not do.

    Databases of earlier versions may know no key, and hold what was made with one.
    """
    with store.reading() as connection:
        made_with_keys = (select(table.c.id).limit(1) for table in (mailing, subscriber, suppression, user))
        return bool(known(connection)) or any(connection.execute(one).first() is not None for one in made_with_keys)


def strangers(held: Mapping[int, str], given: Mapping[int, str]) -> list[int]:
    """The numbers of known keys that are missing among those given, or are others there."""
    return sorted(number for number, fingerprint in held.items() if given.get(number) != fingerprint)


def hold(store: Store, given: Mapping[int, str], *, at: datetime) -> None:
    """Note the fingerprints of keys that are used for the first time; writes only where there are any.

    Args:
        store: the database.
        given: the fingerprints of this process's keys, as `TokenKeys.fingerprints` gives them.
        at: now.

    Raises:
        InputError: the database knows other keys under these numbers, or more of them.
    """
    with store.reading() as connection:
        held = known(connection)
    if odd := strangers(held, given):
        raise _other_key(odd, store.place)
    if given.keys() <= held.keys():
        return
    with store.writing(alone=True) as connection:
        held = known(connection)
        for number in sorted(given.keys() - held.keys()):
            _note(connection, FIRST_USE, number, given[number], actor=_ACTOR, at=at)


def adopt(connection: Connection, given: Mapping[int, str], *, actor: str, at: datetime) -> list[int]:
    """Take the given keys as the newsroom's from now on, where the known ones are lost; links of those stop working.

    Returns:
        The numbers of the keys that were known as others.
    """
    changed = [number for number in strangers(known(connection), given) if number in given]
    for number in changed:
        _note(connection, ADOPTION, number, given[number], actor=actor, at=at)
    return changed


def _note(connection: Connection, action: str, number: int, fingerprint: str, *, actor: str, at: datetime) -> None:
    audit.note(connection, action, _SUBJECT, {"number": number, "fingerprint": fingerprint}, actor=actor, at=at)


def _other_key(numbers: list[int], place: str) -> InputError:
    which = "secret key" if len(numbers) == 1 else "secret keys"
    shown = ", ".join(str(number + 1) for number in numbers)
    return InputError(
        f"the {which} no. {shown} of this process differ{'s' if len(numbers) == 1 else ''} from what the database knows",
        where=place,
        remedy=f"Give every process the same keys: {SECRET_NAME}, or data/secret.key. `newsletter doctor` says more",
    )
