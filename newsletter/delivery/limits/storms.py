"""What a domain's "later" means: it has had enough of us, it puts off everybody it does not know, or it is one mailbox.

Pure. Counted in memory, for each domain, and only what comes in a row with no acceptance between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from newsletter.delivery.senders.base import Outcome
from newsletter.store.statuses import OutcomeKind

IN_A_ROW = 5
"""So many readers of a domain put off with nobody accepted between are about the domain. Fewer wait by themselves."""

_MOST_DOMAINS = 10_000
"""Domains counted at a time: of more, the ones that came first are forgotten."""

# RFC 3463: X.1.* is about an address, X.2.* about a mailbox, which is full or gets too much.
_ABOUT_ONE = re.compile(r"\b4\.[12]\.\d{1,3}\b")
_GREYLISTED = re.compile(r"gr[ea]y-?\s?list", re.IGNORECASE)
_HAD_ENOUGH = re.compile(
    r"\b(?:rate|throttl|too (?:many|much|fast|quickly)|exceed|limit|reputation|unusual|volume|complaint|TSS?\d)",
    re.IGNORECASE,
)


class Sign(Enum):
    """What an outcome says about the reader's domain."""

    OPEN = auto()
    """It takes mail."""
    ENOUGH = auto()
    """It wants no more for now: 421, 452, or 450 and 451 that say so."""
    DOUBTFUL = auto()
    """It puts this one off without a reason: greylisting, or the same."""
    NONE = auto()
    """Nothing: it is about the reader, the message, us or the server."""


class Verdict(Enum):
    """What follows for a domain."""

    OPEN = auto()
    SHUT = auto()
    SLOW = auto()
    TRIED_SHUT = auto()
    """The message on trial was refused alike."""
    TRIED_DOUBTFUL = auto()
    TRIED_NOTHING = auto()
    """The message on trial came to an end that says nothing: the next may be tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What came back for one delivery to `domain`."""

    delivery_id: int
    domain: str
    outcome: Outcome


def sign_of(outcome: Outcome) -> Sign:
    """What an outcome says about the reader's domain."""
    if outcome.kind is OutcomeKind.ACCEPTED:
        return Sign.OPEN
    code, reply = outcome.code, outcome.reply
    if outcome.kind is not OutcomeKind.DEFERRED or outcome.sender_fault or outcome.of_message:
        return Sign.NONE
    if code is None or not 400 <= code < 500 or _GREYLISTED.search(reply):
        return Sign.NONE
    if code != 421 and _ABOUT_ONE.search(reply):
        return Sign.NONE
    return Sign.ENOUGH if code in {421, 452} or _HAD_ENOUGH.search(reply) else Sign.DOUBTFUL


class Storms:
    """Readers put off in a row, by domain. `trials` are the deliveries that try a shut domain, with their domains."""

    def __init__(self) -> None:
        self._row: dict[str, dict[int, Sign]] = {}
        self.trials: dict[int, str] = {}

    def note(self, told: Iterable[Told], *, troubled: Iterable[str] = ()) -> Mapping[str, Verdict]:
        """Learn from what came back.

        Args:
            told: in its order.
            troubled: the domains that are known to be shut or slowed; of others, an acceptance is no news.

        Returns:
            What follows, for the domains that something follows for.
        """
        verdicts: dict[str, Verdict] = {}
        known = frozenset(troubled)
        for one in told:
            tried = self.trials.pop(one.delivery_id, None) is not None
            verdict = self._judged(one, sign_of(one.outcome), tried=tried)
            if verdict is Verdict.OPEN and one.domain not in known and one.domain not in verdicts:
                continue
            if verdict is not None and not (verdicts.get(one.domain) is Verdict.TRIED_SHUT and verdict in _COUNTED):
                verdicts[one.domain] = verdict
        return verdicts

    def _judged(self, one: Told, sign: Sign, *, tried: bool) -> Verdict | None:
        if sign is Sign.OPEN:
            self._row.pop(one.domain, None)
            return Verdict.OPEN
        if tried:
            return _TRIED[sign]
        return self._counted(one, sign) if sign is not Sign.NONE else None

    def _counted(self, one: Told, sign: Sign) -> Verdict | None:
        row = self._row.setdefault(one.domain, {})
        row[one.delivery_id] = sign
        if len(self._row) > _MOST_DOMAINS:
            del self._row[next(iter(self._row))]
        if len(row) < IN_A_ROW:
            return None
        self._row.pop(one.domain, None)
        return Verdict.SHUT if Sign.ENOUGH in row.values() else Verdict.SLOW


_COUNTED = frozenset({Verdict.SHUT, Verdict.SLOW})
_TRIED = {
    Sign.ENOUGH: Verdict.TRIED_SHUT,
    Sign.DOUBTFUL: Verdict.TRIED_DOUBTFUL,
    Sign.NONE: Verdict.TRIED_NOTHING,
}
