"""What SendGrid's answers mean for the deliveries of a request. Pure."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from newsletter.audience.addresses import without_addresses
from newsletter.delivery.senders.base import Outcome
from newsletter.delivery.senders.sendgrid.requests import MOST_RECIPIENTS
from newsletter.delivery.senders.sendgrid.wire import Answer, Silence

LONGEST_WAIT = 3600.0
"""Seconds that `Retry-After` may ask for; more would only mean that somebody's clock is wrong."""

_LONGEST_REPLY = 500
# Only what is wrong with a recipient's address is about the recipient; everything else we put there ourselves.
_RECIPIENT = re.compile(r"personalizations[.\[]([0-9]{1,4})\]?\.to\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a request ended.

    `outcome` is that of all its deliveries. Where `named` is not empty, these alone (by their place in the request) are
    to blame and rejected, and nothing was taken of the rest. `too_large`: fewer at once may pass.
    """

    outcome: Outcome
    named: frozenset[int] = frozenset()
    too_large: bool = False


def judge(answer: Answer | Silence, *, sandbox: bool, recipients: int = MOST_RECIPIENTS) -> Verdict:
    """What the answer to a request with so many recipients means.

    202 is accepted, 200 so in sandbox mode; a request was taken whole or not at all. Only a whole one can have been
    taken: who fails before has nothing, and who claims to have it is believed neither way.
    """
    if isinstance(answer, Silence):
        return Verdict(outcome=_silent(answer))
    status, words = answer.status, _words(answer)
    if status == 400:
        return _faulty(status, words, answer, recipients)
    if answer.written and (status == 202 or (status == 200 and sandbox)):
        reply = "checked in sandbox mode, nobody was mailed" if status == 200 else words
        outcome = Outcome.accepted(status, reply, provider_id=answer.headers.get("x-message-id"))
    elif status in {408, 429}:
        outcome = _later(status, words, _wait(answer.headers))
    elif 300 <= status < 500:
        outcome = _for_good(status, words)
    elif status >= 500 and not answer.written:
        outcome = Outcome.deferred(status, words or "it hung up on the request", sender_fault=True)
    else:
        outcome = Outcome.unknown(words or f"the answer was {status}", code=status)
    return Verdict(outcome=outcome, too_large=status == 413)


def _silent(silence: Silence) -> Outcome:
    if silence.written:
        return Outcome.unknown(f"no answer after the request: {silence.words}")
    # Too slow ourselves is nothing that the server could help.
    ours = silence.words.startswith("no time")
    words = f"no request was made: {silence.words}"
    return Outcome.deferred(None, words, sender_fault=not ours, permanent=silence.lasting)


def _later(status: int, words: str, wait: float | None) -> Outcome:
    return Outcome.deferred(status, words or "too many requests", sender_fault=True, retry_after=wait)


def _for_good(status: int, words: str) -> Outcome:
    return Outcome.deferred(status, words or f"the answer was {status}", sender_fault=True, permanent=True)


def _faulty(status: int, words: str, answer: Answer, recipients: int) -> Verdict:
    named = frozenset(
        int(found)
        for error in _errors(answer)
        for found in _RECIPIENT.findall(f"{error.get('field') or ''} {error.get('message') or ''}")
    )
    # A place that the request does not have names nobody: then nobody is known to be at fault, and all are kept.
    if named and max(named) < recipients:
        return Verdict(outcome=Outcome.rejected(status, words), named=named)
    return Verdict(outcome=_for_good(status, words))


def _errors(answer: Answer) -> list[dict[str, Any]]:
    try:
        errors = json.loads(answer.body)["errors"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _words(answer: Answer) -> str:
    """The provider's words in one printable line, without addresses: they end up in logs."""
    parts = [" ".join(str(error[key]) for key in ("message", "field") if error.get(key)) for error in _errors(answer)]
    text = "; ".join(parts) or answer.body.decode("utf-8", "replace")
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST_REPLY])
    return " ".join(without_addresses(printable).split())[:_LONGEST_REPLY]


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `Retry-After` in either form (RFC 9110, section 10.2.3), or `X-RateLimit-Reset` (Unix time)."""
    seconds: float | None = None
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        seconds = float(given)
    elif given:
        try:
            seconds = parsedate_to_datetime(given).timestamp() - time.time()
        except (ValueError, OverflowError):
            seconds = None
    elif (reset := headers.get("x-ratelimit-reset", "")).isascii() and reset.isdigit():
        seconds = float(reset) - time.time()
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT)
