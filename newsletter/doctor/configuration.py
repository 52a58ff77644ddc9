"""What `newsletter.toml` says, held against what sending to readers asks for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.delivery.senders.sendgrid.webhook import Verifier
from newsletter.doctor.diagnosis import Area, Fine, Said, found
from newsletter.doctor.installation import Installation, is_loopback, is_reserved, stays_here
from newsletter.errors import InputError
from newsletter.findings import Severity
from newsletter.issues.dates import in_words
from newsletter.publishing.wish import calendar_of
from newsletter.settings import FILE_NAME, MailingList

_AREA = Area.SETTINGS


def look(installation: Installation) -> Iterator[Said]:
    """The settings parse, or there would be no installation."""
    yield Fine(area=_AREA, text=f"{FILE_NAME} is in order")
    yield from _newsroom(installation)
    yield from _pages(installation)
    yield from _lists(installation)
    if installation.settings.sender.kind == "sendgrid":
        yield from _sendgrid(installation)


def _newsroom(installation: Installation) -> Iterator[Said]:
    newsroom = installation.settings.newsroom
    if not newsroom.postal_address:
        yield found(_AREA, "LAW-ADDRESS", "there is no postal address, so nothing can be sent", where=FILE_NAME)
    if installation.rehearses:
        yield found(
            _AREA, "SETUP-REHEARSAL", f"nothing leaves this machine: {newsroom.from_address} is a name for examples"
        )
    elif is_reserved(installation.from_domain):
        yield found(
            _AREA,
            "SETUP-FROM-RESERVED",
            f"mail would go out from {newsroom.from_address}, under a name that cannot exist",
            where=FILE_NAME,
        )
    else:
        yield Fine(area=_AREA, text=f"From {newsroom.from_address}")


def _pages(installation: Installation) -> Iterator[Said]:
    url = installation.settings.newsroom.url
    parts = urlsplit(url)
    host = parts.hostname or ""
    if installation.rehearses or _is_mail_of_ours(installation):
        yield Fine(area=_AREA, text=f"readers’ pages at {url}, for a rehearsal")
    elif _is_private(host):
        yield found(
            _AREA, "SETUP-URL-LOCAL", f"readers’ links lead to {url}, which no reader can reach", where=FILE_NAME
        )
    elif parts.scheme != "https":
        yield found(_AREA, "LAW-HTTPS", f"readers’ links lead to {url}, without encryption", where=FILE_NAME)
    else:
        yield Fine(area=_AREA, text=f"readers’ pages at {url}")


def _is_mail_of_ours(installation: Installation) -> bool:
    """Whether mail stays in a folder of this machine: then it is read here, too."""
    return installation.settings.sender.kind == "inbox"


def _is_private(host: str) -> bool:
    if is_loopback(host) or is_reserved(host):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host


def _lists(installation: Installation) -> Iterator[Said]:
    settings = installation.settings
    if not settings.lists:
        yield found(_AREA, "SETUP-NO-LIST", "there is no list to send to", where=FILE_NAME)
        return
    names = [f"{name} ({each.zone or settings.newsroom.zone})" for name, each in settings.lists.items()]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    for name, each in settings.lists.items():
        yield from _calendar(name, each, installation)
    yield Fine(area=_AREA, text=f"{'lists' if len(names) > 1 else 'list'} {shown}")


def _calendar(name: str, wanted: MailingList, installation: Installation) -> Iterator[Said]:
    """What of a list's calendar cannot be meant so. What cannot be at all the settings have refused."""
    where = f"lists.{name}"
    calendar = calendar_of(wanted, zone=installation.settings.newsroom.zone)
    if calendar is None:
        return
    idle = sorted(day for day in wanted.skip if day.weekday() not in calendar.weekdays)
    if idle:
        yield found(
            _AREA, "LIST-SKIP", f"list {name!r} skips {in_words(idle[0])}, and has no issue then anyway", where=where
        )
    if wanted.recurring and not installation.settings.approval.needed:
        yield found(_AREA, "LIST-RECURRING", f"list {name!r} recurs, and no approval is asked for", where=where)


def _sendgrid(installation: Installation) -> Iterator[Said]:
    sender = installation.settings.sender
    if sender.sandbox:
        yield found(_AREA, "SETUP-SANDBOX", "the sandbox is on: nobody is mailed", where=FILE_NAME)
    if not sender.events_key:
        if not stays_here(sender):
            yield found(_AREA, "SETUP-EVENTS-KEY", "no events come back: there is no `events_key`", where=FILE_NAME)
        return
    try:
        Verifier(sender.events_key)
    except InputError as error:
        yield found(_AREA, "SETUP-EVENTS-KEY", error.what, where=FILE_NAME, severity=Severity.ERROR)
        return
    yield Fine(area=_AREA, text=f"events are signed and come to {installation.settings.newsroom.url}/hooks/sendgrid")
