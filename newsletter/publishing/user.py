"""The user: somebody of the newsroom who signs with their name, and what their role lets them do. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from newsletter.errors import BlockedError, InputError
from newsletter.store.statuses import UserRole

LONGEST_NAME = 100


class Act(StrEnum):
    """What takes a person's name; each is the word for it in a sentence."""

    TEST = "test"
    APPROVE = "approve"
    WAIVE = "waive"


_MAY = {
    UserRole.WRITER: frozenset({Act.TEST}),
    UserRole.OPS: frozenset({Act.TEST}),
    UserRole.EDITOR: frozenset(Act),
    UserRole.ADMIN: frozenset(Act),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A user as they stand. `side` is a key of the newsroom's sides, None where the user speaks for none."""

    id: int
    name: str
    role: UserRole
    side: str | None
    created_at: datetime
    disabled_at: datetime | None = None

    def require(self, act: Act) -> None:
        """Nothing, where the role lets this user do it.

        Raises:
            BlockedError: it does not.
        """
        if act not in _MAY[self.role]:
            able = " or ".join(role.value for role in UserRole if act in _MAY[role])
            raise BlockedError(f"{self.name} is {self.role.value} and may not {act.value}", remedy=f"Ask an {able}")


def checked_name(name: str) -> str:
    """The name on one line, blanks tidied.

    Raises:
        InputError: it is empty, too long, or holds control characters.
    """
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    if not tidy or len(tidy) > LONGEST_NAME or not tidy.isprintable():
        raise InputError(
            f"a user's name has 1 to {LONGEST_NAME} printable characters", where="NAME", remedy="Give another"
        )
    return tidy


def name_key(name: str) -> str:
    """What names are compared by: case and look-alike forms play no part (Unicode, NFKC_Casefold in effect)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", " ".join(name.split())).casefold())
