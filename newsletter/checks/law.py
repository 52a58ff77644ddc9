"""What the law and the large mailboxes ask of bulk mail: an address, a way out that is seen, a way out by one click."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from urllib.parse import urlsplit

from newsletter.checks.page import Scheme
from newsletter.checks.rule import Group, Rule
from newsletter.checks.subject import Matter
from newsletter.errors import InputError
from newsletter.findings import Finding, Severity
from newsletter.rendering import MailingHeaders, compile_message
from newsletter.rendering.writing import SAMPLE

_CAN_SPAM = "CAN-SPAM Act, 15 U.S.C. 7704(a)"
_BULK = "https://support.google.com/a/answer/81126"

POSTAL_ADDRESS = Rule(
    code="LAW-ADDRESS",
    severity=Severity.ERROR,
    group=Group.LAW,
    title="no postal address",
    why="Commercial mail must name one.",
    source=f"{_CAN_SPAM}(5)",
    fix="Set `postal_address` under [newsroom] in newsletter.toml; a template shows it with {{ newsroom.postal_address }}",
    example='postal_address = "4 Quay Street, Port Alder"',
)
UNSUBSCRIBE = Rule(
    code="LAW-UNSUBSCRIBE",
    severity=Severity.ERROR,
    group=Group.LAW,
    title="no visible unsubscribe link",
    why="Every mail must show a way out; who cannot find it presses “spam” instead.",
    source=f"{_CAN_SPAM}(3)",
    fix="Put a link to {{ slots.leave_url }} into the template’s footer, in body.mjml and in body.txt",
    example='<a href="{{ slots.leave_url }}">Unsubscribe</a>',
)
ONE_CLICK = Rule(
    code="LAW-ONE-CLICK",
    severity=Severity.ERROR,
    group=Group.LAW,
    title="no unsubscribe by one click",
    why="Gmail and Yahoo ask senders of bulk mail for List-Unsubscribe and List-Unsubscribe-Post.",
    source="RFC 8058, section 3.1",
    fix="Correct `url` under [newsroom] in newsletter.toml: the headers are made from it",
)
HTTPS = Rule(
    code="LAW-HTTPS",
    severity=Severity.ERROR,
    group=Group.LAW,
    title="readers’ links without https",
    why="The one-click link must be https, and readers’ links carry their tokens.",
    source="RFC 8058, section 3.1",
    fix="Set `url` under [newsroom] in newsletter.toml to an https:// address; on this machine alone http:// will do",
    example='url = "https://letters.harbour.example"',
)
RULES = (POSTAL_ADDRESS, UNSUBSCRIBE, ONE_CLICK, HTTPS)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_A_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def postal_address(matter: Matter) -> Iterator[Finding]:
    """It is set, and both parts show it."""
    address = matter.settings.newsroom.postal_address.strip()
    if not address:
        yield POSTAL_ADDRESS.finding(
            "the newsroom has no postal address", matter.newsroom.setting("newsroom", "postal_address")
        )
        return
    for part, words in (("HTML", matter.page.words), ("text part", matter.edition.text)):
        if _folded(address) not in _folded(words):
            message = f"the {part} does not show the postal address"
            yield POSTAL_ADDRESS.finding(message, matter.newsroom.template)


def unsubscribe(matter: Matter) -> Iterator[Finding]:
    """A link with words that can be seen in the HTML, and its address in the text part."""
    url, looks = matter.edition.slots.leave_url, matter.page.looks(Scheme.LIGHT)
    links = [link for link in matter.page.links if link.href == url]
    if not any(link.words and not looks[link.element].hidden and looks[link.element].size > 1 for link in links):
        yield UNSUBSCRIBE.finding("the HTML shows no unsubscribe link", matter.newsroom.in_template("slots.leave_url"))
    elif url not in matter.edition.text:
        yield UNSUBSCRIBE.finding(
            "the text part shows no unsubscribe link", matter.newsroom.in_template("Unsubscribe", suffix=".txt")
        )


def one_click(matter: Matter) -> Iterator[Finding]:
    """The headers of a message made from this edition."""
    spot = matter.newsroom.setting("newsroom", "url")
    try:
        headers = message_from_bytes(_headers_only(matter))
    except InputError as error:
        yield ONE_CLICK.finding(f"the headers cannot be written: {error.what}", spot)
        return
    leave = re.search(r"<(https?://[^<>\s]+)>", headers.get("List-Unsubscribe", ""))
    if leave is None or headers.get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click":
        yield ONE_CLICK.finding("the headers for unsubscribing by one click are not there", spot)
        return
    parts = urlsplit(leave[1])
    if parts.scheme != "https":
        local = (parts.hostname or "") in _LOCAL
        message = (
            "readers’ links lead to this machine only" if local else f"readers’ links start with {parts.scheme}://"
        )
        yield HTTPS.finding(message, spot, severity=Severity.INFO if local else None)


def _headers_only(matter: Matter) -> bytes:
    """A whole message would be encoded for nothing: the headers do not depend on the bodies."""
    mailing = MailingHeaders(
        message_id_prefix="check",
        message_id_domain=matter.edition.from_address.rpartition("@")[2],
        date=_A_DAY,
        list_name="check",
        list_title="Check",
    )
    return compile_message(replace(matter.edition, html="", text=""), mailing).join(SAMPLE)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
