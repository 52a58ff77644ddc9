"""Signed events: what SendGrid's Event Webhook would post about the recipients of a request.

Each event comes at least once: what the webhook does not answer with 2xx is posted again. Duplicates, disorder and late
bounces come by the plan.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from newsletter.rehearsal.sendgrid.plan import Plan

Event = dict[str, Any]

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key (ECDSA, P-256), made anew for each provider unless its number is given."""

    number: int | None = None
    _private: ec.EllipticCurvePrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        curve = ec.SECP256R1()
        made = ec.generate_private_key(curve) if self.number is None else ec.derive_private_key(self.number, curve)
        object.__setattr__(self, "_private", made)

    @property
    def public(self) -> str:
        """The verification key as SendGrid shows it: base64 of the DER form."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self._private.public_key().public_bytes(serialization.Encoding.DER, form)).decode()

    def headers(self, body: bytes, *, at: int | None = None) -> dict[str, str]:
        """The two headers that sign a body; `at` is the time of signing in Unix seconds, now by default."""
        timestamp = str(int(time.time()) if at is None else at)
        signature = self._private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def encode(events: list[Event]) -> bytes:
    """A body as it is posted: SendGrid's has a line for each event."""
    return b"[" + b",\r\n".join(json.dumps(event).encode() for event in events) + b"]\r\n"


def of_request(request: int, personalizations: list[dict[str, Any]], plan: Plan) -> tuple[list[Event], list[Event]]:
    """What there is to tell about a request: events to post soon, and those to post late. Disorder included."""
    dice = plan.dice(f"events/{request}")
    soon: list[Event] = []
    late: list[Event] = []
    for at, one in enumerate(personalizations):
        for event, is_late in _of_one(f"{plan.seed}-{request}-{at}", one, plan, dice):
            target = late if is_late or dice.random() < plan.disorder else soon
            target.append(event)
            if dice.random() < plan.duplicates:
                (late if dice.random() < 0.5 else soon).append(event)  # the same event, once more
    dice.shuffle(late)
    return soon, late


def _of_one(word: str, one: dict[str, Any], plan: Plan, dice: Random) -> Iterator[tuple[Event, bool]]:
    """The events of one recipient, each with whether it comes late."""
    arguments = {**one.get("custom_args", {}), "email": one["to"][0]["email"]}
    message = {"sg_message_id": f"m{word}.filter0001", "smtp-id": f"<{word}@ismtpd0001>"}
    now = int(time.time())

    def event(kind: str, number: int, **more: Any) -> Event:
        identity = base64.urlsafe_b64encode(f"{kind}-{word}-{number}".encode()).decode().rstrip("=")
        return {**arguments, "event": kind, "timestamp": now + number, "sg_event_id": identity, **more}

    yield event("processed", 0, **message), False
    if dice.random() < plan.bounces:
        yield event("bounce", 1, type="bounce", status="5.1.1", reason="550 5.1.1 no such user", **message), False
        return
    yield event("delivered", 1, response="250 OK", **message), False
    if dice.random() < plan.late_bounces:
        yield event("bounce", 2, type="bounce", status="5.0.0", reason="550 the mailbox was closed"), True
    elif dice.random() < plan.complaints:
        yield event("spamreport", 2, **message), True
