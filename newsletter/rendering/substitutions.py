"""An edition compiled for a provider that fills in the slots itself: one body, and each reader's values for its tags.

A tag stands for one slot in one part: HTML and text need different values, each escaped for where it stands. Tags hold
the edition's nonce, so that nothing else in the edition contains one, and none is the beginning of another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime
from functools import lru_cache
from html import escape
from operator import attrgetter

from newsletter.errors import InputError
from newsletter.rendering.edition import Edition
from newsletter.rendering.headers import ascii_address, phrase_header, refuse_controls
from newsletter.rendering.languages import short_date
from newsletter.rendering.message import AUTOMATIC, MailingHeaders, Recipient, ascii_host, checked_token, id_part

_STYLE = re.compile(r"<style.*?</style\s*>", re.DOTALL | re.IGNORECASE)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_BEYOND_LATIN_1 = re.compile(r"[^\x00-\xff]")
# Most addresses are of this kind and need no work.
_FAST_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,20}")
# Neither do most names.
_HARMLESS = re.compile(r"[A-Za-z0-9 @.,_+-]*")
_DASH = "—"

_Value = Callable[[Recipient], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """What one reader gets of their own: tag → value, and the headers that differ from reader to reader."""

    values: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Substituted:
    """One body for many readers; `html` and `text` hold tags, `headers` are the same for all. Threads may share it."""

    subject: str
    html: str
    text: str
    from_name: str
    from_address: str
    reply_to: str | None
    headers: Mapping[str, str]
    list_name: str
    nonce: str
    tags: tuple[tuple[str, _Value], ...]
    leave_url: tuple[str, str]
    message_id: tuple[str, str]
    bulk: bool = True

    def fill(self, reader: Recipient) -> Filled:
        """The reader's own part: values for the tags, List-Unsubscribe (RFC 8058) and Message-ID.

        The Message-ID is the same on every attempt, so that a receiver that gets a message again can drop it. 4 µs.

        Raises:
            InputError: a value holds control characters or (part of) a tag, a token is none, or the delivery cannot
                stand in an identifier.
        """
        leave = checked_token(reader.leave)
        checked_token(reader.track)
        values = {word: value(reader) for word, value in self.tags}
        if self.nonce in "\n".join(values.values()):
            # The provider replaces one tag after the other, also in what it has put in.
            raise InputError("a reader's name or address holds a substitution tag", remedy="Correct it")
        before, after = self.leave_url
        start, end = self.message_id
        delivery = reader.delivery if isinstance(reader.delivery, int) else id_part(reader.delivery)
        headers = {"Message-ID": f"{start}{delivery}{end}"}
        if self.bulk:
            headers["List-Unsubscribe"] = f"<{before}{leave}{after}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return Filled(values=values, headers=headers)


def compile_substitutions(edition: Edition, mailing: MailingHeaders) -> Substituted:
    """The edition with tags in the place of its slots.

    The provider picks each part's charset from its bytes, and Gmail cuts off what comes as ISO-8859-1, at any size. So
    HTML that is Latin-1 throughout goes as ASCII with character references, and text that is keeps one character beyond
    Latin-1: a dash in a last line. Everything else goes as UTF-8 as it is: references would triple Cyrillic.

    Raises:
        InputError: a header cannot be written, or the edition holds a slot that is not known.
    """
    latin = not _BEYOND_LATIN_1.search(edition.html)
    html, html_slots = _tagged(edition, "html", edition.html, escape(mailing.list_title))
    text, text_slots = _tagged(edition, "text", edition.text, mailing.list_title)
    values = _html_values(edition.language, references=latin) | _text_values(edition.language)
    used = [("html", slot) for slot in html_slots] + [("text", slot) for slot in text_slots]
    tags = tuple((_word(edition, part, slot), values[part, slot]) for part, slot in used)
    prefix, domain = id_part(mailing.message_id_prefix), id_part(mailing.message_id_domain)
    before, after = edition.slots.leave_url.split(edition.slots["leave"])
    return Substituted(
        subject=refuse_controls(edition.subject, name="Subject"),
        html=_as_references(html) if latin else html,
        text=_beyond_latin_1(text, personal=bool(set(text_slots) - {"leave", "track", "fresh"})),
        from_name=edition.from_name,
        from_address=edition.from_address,
        reply_to=edition.reply_to,
        headers=_headers(edition, mailing),
        list_name=mailing.list_name,
        nonce=edition.nonce,
        tags=tags,
        leave_url=(refuse_controls(before, name="base_url"), after),
        message_id=(f"<{prefix}.", f"@{domain}>"),
        bulk=mailing.bulk,
    )


def to_address(reader: Recipient) -> str:
    """The reader's address in ASCII, as providers take it.

    Raises:
        InputError: it cannot be written so.
    """
    address = reader.address
    return address if _FAST_ADDRESS.fullmatch(address) else ascii_address(address)


def _tagged(edition: Edition, part: str, body: str, list_title: str) -> tuple[str, list[str]]:
    """The body with tags, and the slots that have one, each once. The list's title is everybody's: it needs none."""
    pieces: list[str] = []
    slots: dict[str, None] = {}
    for text, slot in edition.slots.split(body):
        pieces.append(text)
        if slot == "list":
            pieces.append(refuse_controls(list_title, name="list title"))
        elif slot is not None:
            pieces.append(_word(edition, part, slot))
            slots[slot] = None
    return "".join(pieces), list(slots)


def _word(edition: Edition, part: str, slot: str) -> str:
    return f"sub{edition.nonce}{part}{slot}end"


def _headers(edition: Edition, mailing: MailingHeaders) -> dict[str, str]:
    """The headers that all readers get. The provider folds them itself."""
    if not mailing.bulk:
        name, _, value = AUTOMATIC.partition(": ")
        return {name: value, "Content-Language": edition.language}
    name = id_part(mailing.list_name)
    list_id = phrase_header(mailing.list_title, f"{name}.{ascii_host(edition.base_url)}", name="List-Id")
    return {
        "List-Id": list_id.partition(": ")[2].replace("\r\n", ""),
        "Feedback-ID": f"{mailing.message_id_prefix}:{name}:newsletter:{mailing.message_id_domain}",
        "Content-Language": edition.language,
    }


def _html_values(language: str, *, references: bool) -> dict[tuple[str, str], _Value]:
    def encode(value: str) -> str:
        if _HARMLESS.fullmatch(value):
            return value
        escaped = escape(refuse_controls(value, name="a slot"))
        return escaped if escaped.isascii() or not references else _referred(escaped)

    return {("html", slot): value for slot, value in _values(language, encode).items()}


def _text_values(language: str) -> dict[tuple[str, str], _Value]:
    def encode(value: str) -> str:
        return refuse_controls(value, name="a slot")

    return {("text", slot): value for slot, value in _values(language, encode).items()}


def _values(language: str, encode: Callable[[str], str]) -> dict[str, _Value]:
    @lru_cache(maxsize=8192)
    def day(since: Date | str) -> str:
        since = since.date() if isinstance(since, datetime) else since
        return encode(short_date(since, language) if isinstance(since, Date) else since)

    return {
        "leave": attrgetter("leave"),
        "track": attrgetter("track"),
        "fresh": lambda reader: checked_token(reader.fresh),
        "name": lambda reader: encode(reader.name),
        "address": lambda reader: encode(reader.address),
        "since": lambda reader: day(reader.since),
    }


def _referred(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _as_references(html: str) -> str:
    """HTML as ASCII. Style sheets know no character references: they get CSS escapes."""
    pieces, position = [], 0
    for style in _STYLE.finditer(html):
        pieces.append(_referred(html[position : style.start()]))
        pieces.append(_BEYOND_ASCII.sub(lambda found: f"\\{ord(found[0]):X} ", style[0]))
        position = style.end()
    return "".join(pieces) + _referred(html[position:])


def _beyond_latin_1(text: str, *, personal: bool) -> str:
    """The text with a character beyond Latin-1 where it has, or a reader's own name may bring, one beyond ASCII."""
    if _BEYOND_LATIN_1.search(text) or (text.isascii() and not personal):
        return text
    return f"{text.rstrip()}\n\n{_DASH}\n"
