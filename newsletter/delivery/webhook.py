"""Posting alerts to a URL: signed, to vetted addresses only, within a deadline, without following redirects.

The form is that of Standard Webhooks (standardwebhooks.com, version 1): `webhook-id` is the same on every attempt, so that
a receiver can drop a repeat; the signature covers id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from newsletter import __version__
from newsletter.checks import links_request
from newsletter.checks.address_guard import first_forbidden
from newsletter.checks.link_target import RefusedError, Target, read_target
from newsletter.checks.links_request import Connect, Deadline, Resolve
from newsletter.delivery.senders.base import Outcome
from newsletter.errors import InputError

KEY = "NEWSLETTER_ALERTS_KEY"
"""The secret that the webhook's calls are signed with: `whsec_` and 24 to 64 bytes in base64."""

SECONDS = 10.0
"""For one call in all. A receiver should answer first and work after."""

_PREFIX = "whsec_"
_GONE = 410
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """Where to post, and with which key. `inside`: it may lead into the newsroom's own network. `seconds`: for a call."""

    url: str
    key: bytes
    inside: bool = False
    seconds: float = SECONDS
    resolve: Resolve = links_request.resolve
    connect: Connect = links_request.connect
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def post(self, identity: str, payload: Mapping[str, Any], *, now: datetime) -> Outcome:
        """Post once. Accepted: any 2xx. Rejected: the URL may not be asked, or is gone (410). Else deferred.

        Args:
            identity: the call's name, the same on every attempt.
            payload: plain data.
            now: the instant of this attempt, which is signed with it.
        """
        body = json.dumps(payload, ensure_ascii=False, sort_keys=True).encode()
        deadline = Deadline(self.seconds)
        try:
            target = inside_target(self.url) if self.inside else read_target(self.url)
            answer = links_request.ask(
                target,
                "POST",
                addresses=self._vetted(target, deadline),
                connect=self.connect,
                tls=self.tls,
                user_agent=f"newsletter/{__version__} (alerts)",
                deadline=deadline,
                headers={"Content-Type": "application/json", **signed_headers(self.key, identity, body, now=now)},
                body=body,
            )
        except RefusedError as error:
            return Outcome.rejected(None, f"[alerts] url {error}")
        except links_request.NO_ANSWER as error:
            return Outcome.deferred(None, f"no answer: {str(error) or type(error).__name__}"[:200])
        words = "".join(c for c in f"{answer.status} {answer.reason}".strip() if c.isprintable())
        if 200 <= answer.status < 300:
            return Outcome.accepted(answer.status, words)
        return Outcome.rejected(_GONE, words) if answer.status == _GONE else Outcome.deferred(answer.status, words)

    def probe(self, *, ask: bool = True) -> int | None:
        """Ask for the head alone, which tells nobody anything; the status of the answer, None where it is not to be asked.

        Raises:
            RefusedError: the URL may not be asked.
            OSError: there is no answer; http.client.HTTPException: it is no HTTP.
        """
        deadline = Deadline(self.seconds)
        target = inside_target(self.url) if self.inside else read_target(self.url)
        if not ask:
            return None
        answer = links_request.ask(
            target,
            "HEAD",
            addresses=self._vetted(target, deadline),
            connect=self.connect,
            tls=self.tls,
            user_agent=f"newsletter/{__version__} (doctor)",
            deadline=deadline,
        )
        return answer.status

    def _vetted(self, target: Target, deadline: Deadline) -> Sequence[str]:
        """The target's addresses, each of which may be asked.

        Raises:
            RefusedError: one of them may not.
            OSError: there are none, or the look-up takes too long.
        """
        if target.reserved and not self.inside:
            raise RefusedError(f"has a name kept for examples: {target.host}")
        found = links_request.in_time(lambda: self._addresses(target), deadline)
        if not found:
            raise OSError(f"there is no host {target.host}")
        if not self.inside and (bad := first_forbidden(found)):
            raise RefusedError(f"leads to the address {bad[0]}, which is {bad[1]}; url_is_inside = true allows it")
        return found

    def _addresses(self, target: Target) -> Sequence[str]:
        try:
            ip_address(target.host)
        except ValueError:
            return self.resolve(target.host, target.port)
        return [target.host]


def signed_headers(key: bytes, identity: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks: HMAC-SHA256 over `id.time.body`, the time in whole seconds since 1970."""
    moment = str(int(now.timestamp()))
    signed = hmac.new(key, f"{identity}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": moment,
        "webhook-signature": "v1," + base64.b64encode(signed).decode("ascii"),
    }


def read_key(secret: str | None) -> bytes:
    """The key that the secret holds.

    Raises:
        InputError: there is no secret, or it is none of the form that Standard Webhooks wants.
    """
    how = f"Set {KEY}, or {KEY}_FILE, to what `echo whsec_$(openssl rand -base64 32)` prints, and tell the receiver"
    if not secret:
        raise InputError("[alerts] url is set, and there is no key to sign with", where=KEY, remedy=how)
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise InputError("this is no key for webhooks: `whsec_` and 24 to 64 bytes in base64", where=KEY, remedy=how)
    return key


def inside_target(url: str) -> Target:
    """What a URL within the newsroom's own network asks for: any host, any port, no user name.

    Raises:
        RefusedError: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedError("is no valid URL") from None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or not url.isascii():
        raise RefusedError("is no http or https address in ASCII letters without a user name")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = _PORTS[parts.scheme] if port is None else port
    return Target(scheme=parts.scheme, host=parts.hostname, port=port, path=path, reserved=False)
