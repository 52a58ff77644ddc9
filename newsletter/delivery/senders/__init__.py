"""What hands messages to the world. `base` has the words that all senders share; `by_settings` makes the newsroom's.

docs/how-to/add-a-provider.md lists what a new one takes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from newsletter.delivery.senders.base import Sender
from newsletter.settings import SenderSettings

SMTP_PASSWORD = "NEWSLETTER_SMTP_PASSWORD"  # noqa: S105 - the name of an environment variable
SENDGRID_KEY = "NEWSLETTER_SENDGRID_KEY"

Secret = Callable[[str], str | None]
"""Looks a secret up by its name, as `settings.secret` does."""


def by_settings(settings: SenderSettings, secret: Secret, *, root: Path) -> Sender:
    """The sender that `[sender]` asks for.

    Args:
        settings: the table.
        secret: gives the password or the key that it needs.
        root: the newsroom's folder, from which a relative `folder` counts.

    Raises:
        InputError: a secret is missing, or would cross the network unencrypted.
    """
    # Each is loaded only where it is used: the package of SendGrid alone takes 0.1 s.
    if settings.kind == "sendgrid":
        from newsletter.delivery.senders.sendgrid import SendGridSender  # noqa: PLC0415

        return SendGridSender(settings=settings, key=secret(SENDGRID_KEY) or "")
    if settings.kind == "inbox":
        from newsletter.delivery.senders.inbox import InboxSender  # noqa: PLC0415

        return InboxSender(folder=root / settings.folder, connections=settings.connections)
    from newsletter.delivery.senders.smtp import SmtpSender, dkim  # noqa: PLC0415

    signer = dkim.by_settings(settings, secret(dkim.SECRET_NAME))
    return SmtpSender(settings=settings, password=secret(SMTP_PASSWORD), signer=signer)
