"""An edition and a mailing compiled to a MIME message with slots: per reader, only the join is left to do."""

from __future__ import annotations

import quopri
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache, partial
from html import escape
from operator import itemgetter
from typing import Literal
from urllib.parse import urlsplit

import idna

from newsletter.errors import InputError
from newsletter.rendering.edition import Edition
from newsletter.rendering.headers import FOLD, LONGEST_LINE, address_header, phrase_header, refuse_controls, text_header
from newsletter.rendering.languages import short_date
from newsletter.rendering.quoted_printable import SOFT, segment

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID_PART = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
# Names and addresses that need neither encoding nor folding, as most do; the others take the long way round.
_FAST_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 .,'-]{0,30}[A-Za-z.]")
_FAST_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,20}")
_CRLF = "\r\n"
AUTOMATIC = "Auto-Submitted: auto-generated"
"""Keeps holiday replies from answering a program (RFC 3834, section 5)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MailingHeaders:
    """What a mailing adds to an edition. `date` is aware; `list_name` is the list's key, `list_title` readers see.

    `bulk`: False for a notice that the program writes to one person, which has no headers of lists.
    """

    message_id_prefix: str
    message_id_domain: str
    date: datetime
    list_name: str
    list_title: str
    bulk: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """What one reader's copy needs. `since`: the day of joining (written in the edition's language), or it in words.
    `fresh`: the token that a notice is mailed for; issues have none.
    """

    delivery: int | str
    address: str
    name: str
    leave: str
    track: str
    since: Date | str
    fresh: str = ""


_Value = Callable[[Recipient], bytes]


class Compiled:
    """A message with slots. `join` may be called from several threads at once."""

    __slots__ = ("_parts", "_pick", "_values")

    def __init__(self, parts: list[bytes], slots: list[str], values: dict[str, _Value]) -> None:
        names = list(dict.fromkeys(slots))
        self._parts = parts
        self._values = tuple(values[name] for name in names)
        self._pick = itemgetter(*(names.index(slot) for slot in slots))

    def join(self, recipient: Recipient) -> bytes:
        """The whole message for one reader: CRLF line ends, dot-safe, pure ASCII.

        Raises:
            InputError: name, address or a token cannot stand in a message.
        """
        parts = self._parts.copy()
        parts[1::2] = self._pick([value(recipient) for value in self._values])
        return b"".join(parts)


def compile_message(edition: Edition, mailing: MailingHeaders) -> Compiled:
    """The edition as multipart/alternative (RFC 2046), text first, every static byte encoded once.

    Raises:
        InputError: a header cannot be written: control characters, a naive date, a line too long.
    """
    draft = _Draft()
    boundary = f"=_{edition.digest[:32]}"
    _write_headers(draft, edition, mailing, boundary)
    for subtype, body in (("plain", edition.text), ("html", edition.html)):
        draft.fixed(f"\r\n--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n")
        draft.fixed("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
        _write_body(draft, edition, subtype, body, mailing.list_title)
    draft.fixed(f"\r\n--{boundary}--\r\n")
    return Compiled(*draft.alternating(), _values(edition.language))


def fill_body(edition: Edition, subtype: Literal["html", "plain"], recipient: Recipient, *, list_title: str) -> str:
    """One part of a reader's copy as text, exactly what `join` encodes: for previews, `render --out` and view online.

    Raises:
        InputError: a value cannot stand in a message.
    """
    values = _values(edition.language)
    filled: list[str] = []
    for text, slot in edition.slots.split(edition.html if subtype == "html" else edition.text):
        filled.append(text)
        if slot == "list":
            filled.append(escape(list_title) if subtype == "html" else list_title)
        elif slot is not None:
            filled.append(quopri.decodestring(values[f"{subtype} {slot}"](recipient)).decode())
    return "".join(filled)


class _Draft:
    """Bytes and slots in the order of the wire."""

    def __init__(self) -> None:
        self._parts: list[list[bytes]] = [[]]
        self._slots: list[str] = []

    def fixed(self, text: str | bytes) -> None:
        self._parts[-1].append(text if isinstance(text, bytes) else text.encode("ascii"))

    def slot(self, name: str) -> None:
        self._slots.append(name)
        self._parts.append([])

    def alternating(self) -> tuple[list[bytes], list[str]]:
        """Static, slot, static, …, static: the slots' places empty, and their names."""
        joined = [b"".join(part) for part in self._parts]
        parts = [b""] * (2 * len(joined) - 1)
        parts[::2] = joined
        return parts, self._slots


def _write_headers(draft: _Draft, edition: Edition, mailing: MailingHeaders, boundary: str) -> None:
    prefix, domain, list_name = (id_part(value) for value in (
        mailing.message_id_prefix, mailing.message_id_domain, mailing.list_name
    ))  # fmt: skip
    draft.fixed(edition.from_header + _CRLF)
    draft.slot("to")
    draft.fixed(_CRLF + text_header("Subject", edition.subject) + _CRLF)
    draft.fixed(f"Date: {_date(mailing.date)}\r\nMessage-ID: <{prefix}.")
    draft.slot("delivery")
    draft.fixed(f"@{domain}>\r\n")
    if edition.reply_to:
        draft.fixed(f"Reply-To: {edition.reply_to}\r\n")
    if mailing.bulk:
        _write_list_headers(draft, edition, mailing, f"{prefix}:{list_name}:newsletter:{domain}")
    else:
        draft.fixed(AUTOMATIC + _CRLF)
    draft.fixed(f"Content-Language: {edition.language}\r\nMIME-Version: 1.0\r\n")
    draft.fixed(f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n')


def _write_list_headers(draft: _Draft, edition: Edition, mailing: MailingHeaders, feedback: str) -> None:
    list_id = f"{id_part(mailing.list_name)}.{ascii_host(edition.base_url)}"
    draft.fixed(phrase_header(mailing.list_title, list_id, name="List-Id") + _CRLF)
    draft.fixed("List-Unsubscribe: <")
    _write_leave_url(draft, edition)
    draft.fixed(">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    draft.fixed(f"Feedback-ID: {feedback}\r\n")


def _write_leave_url(draft: _Draft, edition: Edition) -> None:
    refuse_controls(edition.slots.leave_url, name="base_url")
    if not edition.base_url.isascii() or len(edition.base_url) > LONGEST_LINE - 200:
        raise InputError(
            "the newsroom's URL cannot stand in a header", where="newsroom.url", remedy="Use a short ASCII URL"
        )
    before, after = edition.slots.leave_url.split(edition.slots["leave"])
    draft.fixed(before)
    draft.slot("leave")
    draft.fixed(after)


def _write_body(draft: _Draft, edition: Edition, subtype: str, body: str, list_title: str) -> None:
    for text, slot in edition.slots.split(body):
        draft.fixed(segment(text, ends=slot is None))
        if slot == "list":
            title = refuse_controls(list_title, name="list title")
            draft.fixed(segment(escape(title) if subtype == "html" else title))
        elif slot is not None:
            draft.slot(f"{subtype} {slot}")


def _values(language: str) -> dict[str, _Value]:
    """For each slot, what a reader's copy gets in its place, encoded for where it stands."""
    values: dict[str, _Value] = {
        "to": lambda reader: _to(reader.name, reader.address),
        "delivery": lambda reader: _delivery(reader.delivery),
        "leave": lambda reader: _token(reader.leave),
    }
    for subtype, encode in (("plain", _plain), ("html", _html)):
        values |= {
            f"{subtype} leave": lambda reader: _token(reader.leave) + SOFT,
            f"{subtype} track": lambda reader: _token(reader.track) + SOFT,
            f"{subtype} fresh": lambda reader: _token(reader.fresh) + SOFT,
            f"{subtype} name": partial(_encoded, encode, "name"),
            f"{subtype} address": partial(_encoded, encode, "address"),
            f"{subtype} since": partial(_since, encode, language),
        }
    return values


def _to(name: str, address: str) -> bytes:
    if _FAST_ADDRESS.fullmatch(address) and (not name or _FAST_NAME.fullmatch(name)):
        line = f'To: "{name}" <{address}>' if name else f"To: <{address}>"
        if len(line) <= FOLD:
            return line.encode("ascii")
    return address_header(name, address, name="To").encode("ascii")


def _delivery(delivery: int | str) -> bytes:
    return b"%d" % delivery if isinstance(delivery, int) else id_part(delivery).encode("ascii")


def checked_token(token: str) -> str:
    """The token, unless it cannot stand in a URL as it is.

    Raises:
        InputError: it cannot.
    """
    if not _TOKEN.fullmatch(token):
        raise InputError(
            "a reader's token holds something other than letters, digits, _ and -", remedy="Make it with TokenKeys"
        )
    return token


def _token(token: str) -> bytes:
    return checked_token(token).encode("ascii")


def _encoded(encode: Callable[[str], bytes], attribute: str, reader: Recipient) -> bytes:
    return encode(getattr(reader, attribute))


def _since(encode: Callable[[str], bytes], language: str, reader: Recipient) -> bytes:
    return _day(encode, language, reader.since)


@lru_cache(maxsize=8192)
def _day(encode: Callable[[str], bytes], language: str, since: Date | str) -> bytes:
    if isinstance(since, datetime):
        since = since.date()
    return encode(short_date(since, language) if isinstance(since, Date) else since)


def _plain(value: str) -> bytes:
    return segment(refuse_controls(value, name="a slot"))


def _html(value: str) -> bytes:
    return segment(escape(refuse_controls(value, name="a slot")))


def id_part(value: str) -> str:
    """The value, unless it cannot stand in a Message-ID, a List-Id or a Feedback-ID.

    Raises:
        InputError: it cannot.
    """
    if not _ID_PART.fullmatch(value) or len(value) > 200:
        raise InputError(f"{value!r} cannot stand in an identifier", remedy="Use letters, digits, dots, _ and -")
    return value


def ascii_host(url: str) -> str:
    """The URL's host in A-labels (RFC 5891)."""
    host = urlsplit(url).hostname or "localhost"
    return host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")


def _date(date: datetime) -> str:
    if date.tzinfo is None:
        raise InputError("a mailing's date needs a time zone", remedy="Use an aware datetime in UTC")
    return format_datetime(date)
