"""The sender: whether it is complete, answers, and takes mail of ours. Nothing is sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from newsletter.doctor.diagnosis import Area, Fine, Said, by_error, found
from newsletter.doctor.installation import Installation, is_loopback, stays_here
from newsletter.errors import NewsletterError
from newsletter.settings import FILE_NAME, SenderSettings

_AREA = Area.SENDER
_MOST_SECONDS = 10.0
"""How long the other side may take for one step here: whoever asks waits for the answer."""


def look(installation: Installation) -> Iterator[Said]:
    """Connects as a mailing would, signs in, and leaves."""
    from newsletter.delivery.senders import by_settings  # noqa: PLC0415 - providers' packages: 0.1 s and more

    settings = installation.settings.sender
    if settings.kind == "smtp" and settings.security == "none" and not is_loopback(settings.host):
        yield found(_AREA, "SENDER-UNENCRYPTED", f"mail goes to {settings.host} without encryption", where=FILE_NAME)
    patient = settings.model_copy(update={"timeout_seconds": min(settings.timeout_seconds, _MOST_SECONDS)})
    try:
        sender = by_settings(patient, installation.secret, root=installation.settings.root)
    except NewsletterError as error:
        yield by_error(_AREA, "SENDER-UNUSABLE", error)
        return
    try:
        sender.check()
    except NewsletterError as error:
        yield _refused(error, installation)
        return
    yield Fine(area=_AREA, text=_taken(settings))


def _refused(error: NewsletterError, installation: Installation) -> Said:
    sender = installation.settings.sender
    if sender.kind == "smtp" and stays_here(sender) and not _listens(sender):
        remedy = "Start the mail server of this machine; for a rehearsal `newsletter inbox`"
        return found(_AREA, "SENDER-REFUSES", error.what, where=error.where, remedy=remedy)
    return by_error(_AREA, "SENDER-REFUSES", error)


def _listens(settings: SenderSettings) -> bool:
    """Whether anybody is there, who then has refused us."""
    try:
        socket.create_connection((settings.host, settings.port), timeout=_MOST_SECONDS).close()
    except OSError:
        return False
    return True


def _taken(settings: SenderSettings) -> str:
    if settings.kind == "sendgrid":
        return f"{settings.url} takes the key, which may send"
    if settings.kind == "inbox":
        return f"the folder {settings.folder} takes mail"
    ways = {"none": "without encryption", "starttls": "with STARTTLS", "tls": "with TLS"}
    signed_in = f", signed in as {settings.username}" if settings.username else ""
    return f"{settings.host}:{settings.port} takes mail {ways[settings.security]}{signed_in}"
