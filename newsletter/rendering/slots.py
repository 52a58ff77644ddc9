"""Slots: the places in an edition that differ from reader to reader,
marked by words that nothing else in it contains.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.errors import InputError

NAMES = ("leave", "track", "list", "since", "name", "address")
"""leave, track: the reader's tokens; list: the list's title; since: the date of joining; name, address: the reader's
own."""
FRESH = "fresh"
"""The token that a notice is mailed for. Issues have none: what it opens is not for those they are forwarded to."""


def nonce_for(seed: bytes, texts: str) -> str:
    """Sixteen hexadecimal digits derived from `seed` alone that do not occur in `texts`."""
    attempt = 0
    while True:
        nonce = hashlib.sha256(b"newsletter slot %d\n" % attempt + seed).hexdigest()[:16]
        if nonce not in texts.lower():
            return nonce
        attempt += 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Slots:
    """The markers of one edition and the URLs made with them.

    A marker is one ASCII word of letters and digits: Jinja2, MJML, lxml and URLs leave it as it is.
    """

    nonce: str
    base_url: str

    def marker(self, name: str) -> str:
        """The word that stands for slot `name`."""
        return f"slot{self.nonce}{name}end"

    def __getitem__(self, name: str) -> str:
        if name not in NAMES:
            raise InputError(f"there is no slot {name!r}", remedy=f"Known are: {', '.join(NAMES)}")
        return self.marker(name)

    @property
    def view_url(self) -> str:
        """Where the reader sees this edition in a browser."""
        return f"{self.base_url}/view/{self.marker('track')}"

    @property
    def preferences_url(self) -> str:
        """Where the reader changes lists, hour and address."""
        return f"{self.base_url}/preferences/{self.marker('leave')}"

    @property
    def leave_url(self) -> str:
        """Where the reader leaves the list: a page on GET, at once on POST (RFC 8058)."""
        return f"{self.base_url}/leave/{self.marker('leave')}"

    def split(self, text: str) -> Iterator[tuple[str, str | None]]:
        """The text as pieces between slots, each with the slot that follows it; None after the last.

        Raises:
            InputError: a marker of this edition names no known slot, which means the text was altered.
        """
        pattern = re.compile(f"slot{self.nonce}(?:({'|'.join((*NAMES, FRESH))})end)?")
        position = 0
        for match in pattern.finditer(text):
            if match[1] is None:
                raise InputError("the edition holds a slot that is not known", remedy="Render the issue again")
            yield text[position : match.start()], match[1]
            position = match.end()
        yield text[position:], None


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeSlots(Slots):
    """The same, and the URLs that only a notice may show."""

    @property
    def confirm_url(self) -> str:
        """Where a reader confirms a subscription: a page with a button."""
        return f"{self.base_url}/confirm/{self.marker(FRESH)}"

    @property
    def address_url(self) -> str:
        """Where a reader confirms a new address."""
        return f"{self.base_url}/address/{self.marker(FRESH)}"

    @property
    def manage_url(self) -> str:
        """Where a reader sees, takes along and erases what is kept of them, and changes their address."""
        return f"{self.base_url}/manage/{self.marker(FRESH)}"
