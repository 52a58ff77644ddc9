"""The bodies of Mail Send requests, as plain dicts, within the provider's limits. Pure.

Plain dicts: 1,000 recipients take 8 to 10 ms, by the package's Mail helpers 35 to 65 (measured).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter.delivery.senders.base import Handed
from newsletter.errors import InputError
from newsletter.rendering import Substituted
from newsletter.rendering.headers import refuse_controls
from newsletter.rendering.substitutions import to_address

MOST_RECIPIENTS = 1_000
"""A request (Mail Send: limitations)."""

MOST_BYTES = 30_000_000
"""A request."""

MOST_BYTES_EACH = 10_000
"""Of substitutions, and of custom arguments, in each personalization."""

MOST_CATEGORIES = 10
LONGEST_CATEGORY = 255

_UNQUOTED = str.maketrans({'"': "'", "\\": "/"})

Body = dict[str, Any]


@dataclass(slots=True)
class Addressed:
    """One delivery made ready: its place in the chunk, whom it goes to, and its part of the request."""

    at: int
    body: Substituted
    key: str
    personalization: Body


def addressed(at: int, handed: Handed) -> Addressed:
    """The delivery's personalization.

    Raises:
        InputError: name, address or a token cannot stand in it, or it is over the limits.
    """
    reader = handed.recipient
    address = to_address(reader)
    filled = handed.body.fill(reader)
    arguments = {"mailing": handed.mailing, "delivery": str(reader.delivery), "attempt": handed.attempt}
    _within("substitutions", filled.values)
    _within("custom_args", arguments)
    personalization = {
        "to": [{"email": address, "name": _display(reader.name)} if reader.name else {"email": address}],
        "headers": filled.headers,
        "substitutions": filled.values,
        "custom_args": arguments,
    }
    return Addressed(at=at, body=handed.body, key=address.lower(), personalization=personalization)


def grouped(ready: Iterable[Addressed]) -> list[list[Addressed]]:
    """One group a request: the same body for all of it, no address twice, at most 1,000."""
    groups: list[list[Addressed]] = []
    # For each body its groups, and for each address how many of them have it.
    groups_of: dict[int, list[list[Addressed]]] = {}
    times: dict[tuple[int, str], int] = {}
    for one in ready:
        place = (id(one.body), one.key)
        nth = times[place] = times.get(place, -1) + 1
        own = groups_of.setdefault(place[0], [])
        while nth < len(own) and len(own[nth]) >= MOST_RECIPIENTS:
            nth += 1
        if nth >= len(own):
            own.append([])
            groups.append(own[-1])
        own[nth].append(one)
        times[place] = nth
    return groups


def body(group: Sequence[Addressed], *, sandbox: bool = False) -> Body:
    """The request that carries the group, which shares one body."""
    shared = group[0].body
    request: Body = {
        "personalizations": [one.personalization for one in group],
        "from": {"email": shared.from_address, "name": _display(shared.from_name)},
        "subject": shared.subject,
        "content": [{"type": "text/plain", "value": shared.text}, {"type": "text/html", "value": shared.html}],
        "headers": dict(shared.headers),
        "categories": categories([shared.list_name]),
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }
    if shared.reply_to:
        request["reply_to"] = {"email": shared.reply_to}
    if sandbox:
        request["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return request


def categories(names: Sequence[str]) -> list[str]:
    """The names as categories.

    Raises:
        InputError: there are more than 10, one is longer than 255 characters, or one comes twice.
    """
    if len(names) > MOST_CATEGORIES or len(set(names)) < len(names) or max(map(len, names)) > LONGEST_CATEGORY:
        raise InputError(
            f"categories must be at most {MOST_CATEGORIES}, of {LONGEST_CATEGORY} characters, none twice",
            remedy="Shorten the list's name",
        )
    return list(names)


def _display(name: str) -> str:
    """A display name. SendGrid puts it into the header as it is, where a comma or semicolon would end it.

    Inside quotation marks, those and a backslash mean something of their own (RFC 5322, section 3.2.4).
    """
    refuse_controls(name, name="name")
    return f'"{name.translate(_UNQUOTED)}"' if "," in name or ";" in name else name


def _within(what: str, values: dict[str, str]) -> None:
    characters = len("".join(values)) + len("".join(values.values()))
    if characters * 4 <= MOST_BYTES_EACH:  # no character takes more than 4 bytes
        return
    if sum(len(word.encode()) for item in values.items() for word in item) > MOST_BYTES_EACH:
        raise InputError(f"a reader's {what} are over {MOST_BYTES_EACH:,} bytes", remedy="Shorten the name")
