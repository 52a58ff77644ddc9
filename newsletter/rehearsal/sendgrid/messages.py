"""The message that a recipient of a request gets: tags filled in, as SendGrid would, for the local inbox."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any

from newsletter.rehearsal.envelope import Envelope


def message(request: dict[str, Any], personalization: dict[str, Any]) -> tuple[bytes, Envelope]:
    """The whole message, and its envelope."""
    to, sender = personalization["to"][0], request["from"]
    made = EmailMessage(policy=SMTP)
    made["From"] = _mailbox(sender)
    made["To"] = _mailbox(to)
    made["Subject"] = personalization.get("subject") or request.get("subject", "")
    made["Date"] = formatdate()
    if "reply_to" in request:
        made["Reply-To"] = _mailbox(request["reply_to"])
    for name, value in {**request.get("headers", {}), **personalization.get("headers", {})}.items():
        made[name] = value
    for number, part in enumerate(request["content"]):
        text = _filled(part["value"], personalization.get("substitutions", {}))
        add = made.add_alternative if number else made.set_content
        add(text, subtype=part["type"].partition("/")[2])
    return made.as_bytes(), Envelope(mail_from=sender["email"], rcpt_tos=(to["email"],))


def _filled(text: str, substitutions: dict[str, str]) -> str:
    for tag, value in substitutions.items():
        text = text.replace(tag, value)
    return text


def _mailbox(given: dict[str, str]) -> str:
    name = given.get("name", "")
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        name = name[1:-1]
    return str(Address(display_name=name, addr_spec=given["email"]))
