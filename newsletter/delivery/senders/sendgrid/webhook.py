"""The Event Webhook's signature: ECDSA with P-256 and SHA-256 over the timestamp and the raw bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook

from newsletter.errors import InputError, NewsletterError

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
FRESH = timedelta(minutes=10)
"""How old, or how far ahead, a signed timestamp may be: a retry is signed anew, and clocks differ by less."""


class SignatureError(NewsletterError):
    """The request is not from whom it says it is, or it is an old one again."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies requests with the public key that SendGrid shows under Mail Settings (base64 of its DER form).

    Raises:
        InputError: it is no P-256 key.
    """

    key: str
    _webhook: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_webhook", _webhook(self.key))

    def verify(self, body: bytes, *, signature: str, timestamp: str, now: datetime) -> None:
        """Return where the body is signed and fresh.

        Args:
            body: the request's bytes, as they came.
            signature: the header `SIGNATURE`.
            timestamp: the header `TIMESTAMP`, Unix seconds.
            now: an aware instant.

        Raises:
            SignatureError: anything is wrong with it; it does not say what, since the one who reads it may be guessing.
        """
        if not (self._signed(body, signature, timestamp) and _fresh(timestamp, now)):
            raise SignatureError("the signature does not hold")

    def _signed(self, body: bytes, signature: str, timestamp: str) -> bool:
        try:
            # The package takes text and raises on what is no base64, no DER or no UTF-8. It encodes the text again:
            # the bytes that were verified are those that came.
            return bool(self._webhook.verify_signature(body.decode("utf-8"), signature, timestamp))
        except (ValueError, TypeError):
            return False


def _webhook(key: str) -> Any:
    try:
        webhook = EventWebhook(key)
    except (ValueError, UnsupportedAlgorithm):
        webhook = None
    public = webhook.public_key if webhook else None
    if not (isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1"):
        raise InputError(
            "the key of the signed events cannot be read",
            where="sender.events_key",
            remedy="Copy the verification key of the Event Webhook, whole",
        )
    return webhook


def _fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= FRESH.total_seconds()
