"""What the columns of a file of subscribers mean, judged by their headings. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.audience.addresses import is_plain
from newsletter.errors import InputError

_HEADINGS: dict[str, tuple[str, ...]] = {
    "address": (
        *("email", "emailaddress", "emailaddresses", "emailadresse", "eaddress", "mail", "mailaddress", "mailadresse"),
        *("subscriberemail", "primaryemail", "correo", "correoelectronico", "courriel", "epost", "adresseemail"),
        *("email1", "email1value", "address", "adresse"),
    ),
    "name": ("name", "fullname", "displayname", "subscribername", "yourname", "nombre", "nom", "vollername"),
    "first_name": ("firstname", "givenname", "forename", "fname", "first", "prenom", "vorname"),
    "last_name": ("lastname", "familyname", "surname", "lname", "last", "nachname", "apellido", "apellidos"),
    "zone": ("zone", "timezone", "tz", "timezonename", "zeitzone"),
    "hour": ("hour", "localhour", "preferredhour", "deliveryhour"),
    "language": ("language", "lang", "locale", "sprache", "langue", "idioma"),
    "status": ("status", "subscriptionstatus", "emailstatus", "subscriberstatus", "emailmarketingstatus", "subscribed"),
}
"""Headings in the files of common tools: lower case, letters and digits only; the earlier the better."""

_REFUSALS = frozenset(
    (
        *("unsubscribed", "unsubscribe", "left", "optedout", "optout", "inactive", "cleaned", "bounced", "hardbounced"),
        *("bounce", "complained", "complaint", "spam", "blocklisted", "blacklisted", "blocked", "suppressed", "erased"),
        *(
            "deleted",
            "disabled",
            "archived",
            "unconfirmed",
            "pending",
            "nonsubscribed",
            "notsubscribed",
            "invalid",
            "no",
            "false",
        ),
        "0",
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The place of each meaning in a row, counted from 0; None where the file does not have it."""

    address: int
    name: int | None = None
    first_name: int | None = None
    last_name: int | None = None
    zone: int | None = None
    hour: int | None = None
    language: int | None = None
    status: int | None = None

    def places(self) -> dict[str, int]:
        """The meanings that the file has, each with its place."""
        meanings = {meaning: getattr(self, meaning) for meaning in _HEADINGS}
        return {meaning: place for meaning, place in meanings.items() if place is not None}


def find_columns(rows: Sequence[Sequence[str]]) -> tuple[Columns, bool]:
    """The columns of a file that begins with `rows` (one or more), and whether the first of them is a heading.

    A first row with an address in it is data: that column holds the addresses, and where there are just two columns the
    other one holds the names. A longer row without headings gives addresses only, for more would be guessing. In a file
    of one or two columns a first row that is neither heading nor address is data too, and will be rejected as such.

    Raises:
        InputError: no heading means an address, and no column holds any.
    """
    first = rows[0]
    holding = [place for place, field in enumerate(first) if is_plain(field)]
    if holding:
        return _untitled(holding[0], len(first)), False
    if "address" in (places := _recognised(first)):
        return Columns(**places), True
    width = max(map(len, rows))
    place = _address_place(rows[1:], width)
    if place is None or width > 2 or any("address" in _recognised(row) for row in rows[1:]):
        shown = ", ".join(repr(heading[:30]) for heading in first[:8]) + (", …" if len(first) > 8 else "")
        raise InputError(
            f"no column holds addresses; the first row has {shown}",
            remedy="Call the column with the addresses `email`, or remove what stands above the first address",
        )
    return _untitled(place, width), False


def _untitled(place: int, width: int) -> Columns:
    return Columns(address=place, name=1 - place if width == 2 else None)


def _address_place(rows: Sequence[Sequence[str]], width: int) -> int | None:
    """The column in which at least half of `rows` have an address."""
    counts = [sum(place < len(row) and is_plain(row[place]) for row in rows) for place in range(min(width, 2))]
    best = max(range(len(counts)), key=counts.__getitem__)
    return best if counts[best] and 2 * counts[best] >= len(rows) else None


def refuses(status: str) -> bool:
    """Whether another tool's `status` says that this person does not, or not yet, want the mail."""
    return _letters(status) in _REFUSALS


def _recognised(row: Sequence[str]) -> dict[str, int]:
    headings = [_letters(heading) for heading in row]
    places: dict[str, int] = {}
    for meaning, known in _HEADINGS.items():
        found = [(known.index(heading), place) for place, heading in enumerate(headings) if heading in known]
        if found:
            places[meaning] = min(found)[1]
    if "address" not in places or headings[places["address"]] in {"address", "adresse"}:
        # "Your e-mail (required)" is one; of "Address" and "Work email" the second is not the postal one.
        likely = [place for place, heading in enumerate(headings) if "email" in heading]
        likely = [place for place in likely if place not in places.values()]
        places |= {"address": likely[0]} if len(likely) == 1 else {}
    return places


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).casefold()
    return re.sub(r"[\W_]+", "", "".join(c for c in folded if not unicodedata.combining(c)))
