"""What a server says, as an outcome and in printable words."""

from __future__ import annotations

import re
import smtplib
import ssl

from newsletter.audience.addresses import without_addresses
from newsletter.delivery.senders.base import Outcome
from newsletter.store.statuses import OutcomeKind

_LONGEST_REPLY = 500
# What we have said to sign in, where a server repeats it: the words are kept, and shown to whoever looks at a mailing.
_SIGN_IN = re.compile(r"\bAUTH\s+(\S+)\s+[A-Za-z0-9+/=]+", re.IGNORECASE)


def judged(code: int, reply: bytes, *, of_message: bool = False) -> Outcome:
    """A reply code as an outcome (RFC 5321 section 4.2.1)."""
    kind = OutcomeKind.DEFERRED
    if 200 <= code < 300:
        kind = OutcomeKind.ACCEPTED
    elif 500 <= code < 600:
        kind = OutcomeKind.REJECTED
    lasting = kind is OutcomeKind.REJECTED
    return Outcome(kind=kind, code=code, reply=text(reply), permanent=lasting, of_message=of_message)


def no_connection(error: Exception) -> Outcome:
    """Nothing left the house. Permanent where the server, or its certificate, says that it will stay so."""
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
    lasting = isinstance(error, ssl.SSLCertVerificationError | smtplib.SMTPNotSupportedError) or (
        isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500
    )
    return Outcome.deferred(code, words(error), sender_fault=True, permanent=lasting)


def words(error: Exception) -> str:
    """What broke the connection, in one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        return f"{error.smtp_code} {text(reply) if isinstance(reply, bytes) else reply}"[:_LONGEST_REPLY]
    if isinstance(error, TimeoutError):
        return "timed out"
    return without_addresses(str(error) or type(error).__name__)[:_LONGEST_REPLY]


def text(reply: bytes) -> str:
    """The server's words in one printable line, without addresses: they end up in logs and alerts, and are a stranger's."""
    decoded = reply.decode("utf-8", "replace")[:_LONGEST_REPLY]
    if not decoded.isprintable():
        decoded = "".join(c if c.isprintable() else " " for c in decoded)
    printable = " ".join(decoded.split())
    return without_addresses(_SIGN_IN.sub(r"AUTH \1 …", printable))
