"""Alerts: whether anybody would be told when something is the matter."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from newsletter.audience import mask
from newsletter.audience.addresses import parse
from newsletter.checks.link_target import RefusedError
from newsletter.checks.links_request import NO_ANSWER
from newsletter.doctor import database
from newsletter.doctor.diagnosis import Area, Fine, Said, by_error, found
from newsletter.doctor.installation import Installation
from newsletter.errors import InputError, NewsletterError
from newsletter.settings import FILE_NAME
from newsletter.store.tables import suppression

_AREA = Area.ALERTS
_SECONDS = 5.0
_NOT_THERE = frozenset({404, 410})


def look(installation: Installation) -> Iterator[Said]:
    """Both ways, the mail and the webhook. Nobody is told anything: the webhook is only asked for its head."""
    asked = installation.settings.alerts
    if not asked.mail_to and not asked.url:
        if not installation.rehearses:
            yield found(_AREA, "ALERTS-NOBODY", "nobody would be told of an alert", where=FILE_NAME)
        return
    if asked.mail_to:
        yield from _mail(installation)
    if asked.url:
        yield from _webhook(installation)


def _mail(installation: Installation) -> Iterator[Said]:
    from newsletter.delivery.senders import by_settings  # noqa: PLC0415 - providers' packages: 0.1 s and more

    alerts, sender = installation.settings.alerts, installation.settings.sender
    if sender.kind == "inbox" and not installation.rehearses:
        yield found(_AREA, "ALERTS-MAIL", f"alerts are mailed into the folder {sender.folder}", where=FILE_NAME)
        return
    try:
        by_settings(sender, installation.secret, root=installation.settings.root)
    except NewsletterError as error:
        yield found(
            _AREA, "ALERTS-MAIL", f"the sender that mails alerts cannot be used: {error.what}", where=error.where
        )
        return
    refused = list(_suppressed(installation))
    for address in refused:
        yield found(_AREA, "ALERTS-MAIL", f"{mask(address)} is suppressed, and gets no alert", where=FILE_NAME)
    told = len(alerts.mail_to) - len(refused)
    if told:
        alone = "" if alerts.url else "; a url beside that tells also when the mail server is the matter"
        yield Fine(area=_AREA, text=f"mailed to {told} address{'' if told == 1 else 'es'}{alone}")


def _suppressed(installation: Installation) -> Iterator[str]:
    keys = {}
    for address in installation.settings.alerts.mail_to:
        try:
            keys[parse(address).key] = address
        except InputError:
            continue
    try:
        with database.reading(installation) as connection:
            if connection is not None:
                held = select(suppression.c.address_key).where(suppression.c.address_key.in_(keys)).distinct()
                yield from [keys[key] for key in connection.execute(held).scalars()]
    except InputError:
        return  # told with the database


def _webhook(installation: Installation) -> Iterator[Said]:
    from newsletter.delivery.webhook import KEY, Webhook, read_key  # noqa: PLC0415 - see `_mail`

    alerts = installation.settings.alerts
    try:
        key = read_key(installation.secret(KEY))
    except InputError as error:
        yield by_error(_AREA, "ALERTS-KEY", error)
        return
    hook = Webhook(url=alerts.url or "", key=key, inside=alerts.url_is_inside, seconds=_SECONDS)
    try:
        answer = hook.probe(ask=not installation.offline)
    except RefusedError as error:
        yield found(_AREA, "ALERTS-URL", f"the webhook {error}, so it is never asked", where=hook.url)
    except NO_ANSWER as error:
        said = str(error) or type(error).__name__
        yield found(_AREA, "ALERTS-URL", f"the webhook does not answer: {said[:200]}", where=hook.url)
    else:
        if answer in _NOT_THERE:
            yield found(_AREA, "ALERTS-URL", f"the webhook answers {answer}", where=hook.url)
        else:
            yield Fine(area=_AREA, text="the webhook answers" if answer else "a webhook is named")
