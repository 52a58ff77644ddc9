"""The other side: a provider of chunks or a mail server, its moods, and its own log of what it took."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from newsletter.delivery import return_path
from newsletter.delivery.evidence import read_attempt
from newsletter.delivery.senders.base import Capabilities, Envelope, MessageConnection, Outcome, seconds
from newsletter.delivery.senders.sendgrid import SendGridConnection
from newsletter.delivery.senders.sendgrid.wire import Answer, Silence
from newsletter.rehearsal.sendgrid import contract
from newsletter.tokens import TokenKeys
from simulation.chance import Chance
from simulation.loop import Loop
from simulation.story import Story

DEADLINE = 30.0
BOUNCES = "bounces@harbour.example"
_LONGEST_TRAVEL = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One message that the other side took. `at` is the true instant; `era` counts the backups that were put back before it
    was handed over.
    """

    at: datetime
    delivery: int
    fence: int
    chunk: int | None
    address: str
    mark: str
    era: int

    @property
    def issue(self) -> str:
        """The issue that its edition is of."""
        return self.mark.rpartition("-v")[0]


@dataclass(kw_only=True, slots=True)
class Moods:
    """How often calls fare how: weights. `slow` is the share of calls that take long."""

    fates: Mapping[str, float]
    slow: float = 0.05


GOOD = Moods(fates={"taken": 1.0}, slow=0.0)
CHUNK_FATES = {
    "taken": 10.0,
    "provider: 429": 0.5,
    "provider: reset before": 0.4,
    "provider: reset half-way": 0.3,
    "provider: 503, not taken": 0.4,
    "provider: 500 after accepting": 0.5,
    "provider: reset after accepting": 0.5,
    "provider: silence after accepting": 0.3,
    "provider: silence, not taken": 0.3,
    "provider: names a recipient": 0.3,
    "provider: key refused": 0.1,
}
MESSAGE_FATES = {
    "taken": 20.0,
    "server: 550": 0.4,
    "server: 451": 1.0,
    "server: no connection": 0.5,
    "server: reset in DATA": 0.3,
    "server: reset after the dot": 0.4,
    "server: silence after the dot": 0.3,
    "server: silence, not taken": 0.2,
    "server: we are refused": 0.4,
    "server: 554 after the dot": 0.3,
}


@dataclass(kw_only=True, slots=True)
class OtherSide:
    """What is at the end of the wire, and its log. `told` is called with events to post; `look` with each message taken."""

    loop: Loop
    chance: Chance
    story: Story
    truth: Callable[[], datetime]
    moods: Moods = field(default_factory=lambda: GOOD)
    log: list[Taken] = field(default_factory=list)
    copies: defaultdict[int, list[Taken]] = field(default_factory=lambda: defaultdict(list))
    look: Callable[[Taken], None] = lambda _: None
    tell: Callable[[list[dict[str, Any]]], None] = lambda _: None
    requests: int = 0
    era: int = 0

    def fate(self) -> str:
        """What is in store for the next call."""
        self.requests += 1
        drawn = self.chance.weighed(self.moods.fates)
        if drawn != "taken":
            self.story.hit(drawn)
        return drawn

    def travel(self) -> float:
        """Seconds that a call takes, in each direction."""
        if self.chance.happens(self.moods.slow):
            self.story.hit("provider: slow")
            return self.chance.uniform(1.0, _LONGEST_TRAVEL)
        return self.chance.uniform(0.005, 0.2)

    def take(self, messages: Sequence[Taken], who: str) -> None:
        """These were taken."""
        named = " ".join(f"{one.delivery}/{one.fence}" for one in messages)
        self.story.tell(who, f"took {messages[0].mark} for delivery/fence {named}")
        for one in messages:
            self.log.append(one)
            self.copies[one.delivery].append(one)
        for one in messages:
            self.look(one)


class Line:
    """The transport to the provider, in the place of HTTP."""

    def __init__(self, side: OtherSide) -> None:
        self._side = side
        self._cut = False

    def post(self, body: Mapping[str, Any], *, until: float) -> Answer | Silence:
        """Mail Send. What is once written arrives, whatever becomes of whoever wrote it."""
        side, loop = self._side, self._side.loop
        left = until - seconds()
        if left <= 0:
            return Silence(written=False, words="no time was left before the first byte")
        fate, there, back = side.fate(), side.travel(), side.travel()
        if fate != "taken":
            side.story.tell("provider", f"request {side.requests}: {fate.partition(': ')[2]}")
        if fate in {"provider: reset before", "provider: reset half-way"}:
            loop.pause(min(there, left))
            return Silence(written=False, words="connection reset by peer")
        request = contract.parse(json.dumps(body).encode())
        at_fault = side.chance.randrange(len(request["personalizations"]))
        if fate in _TAKEN:
            number, era = side.requests, side.era
            loop.begin(lambda: self._take(number, request, era), name="provider", after=there)
        if fate.endswith(("silence after accepting", "silence, not taken")) or there + back > left:
            loop.pause(left)
            return Silence(written=True, words="timed out")
        loop.pause(there + back)
        if fate == "provider: reset after accepting":
            return Silence(written=True, words="connection reset by peer")
        return _answer(fate, at_fault, side.chance)

    def cut(self) -> None:
        """The deadline is the line's own."""

    def _take(self, number: int, request: contract.Request, era: int) -> None:
        side, mark = self._side, mark_in(request["content"][0]["value"])
        messages = []
        for one in request["personalizations"]:
            named = one["custom_args"]
            chunk, fence = read_attempt(named["attempt"]) or (0, 0)
            address = one["to"][0]["email"]
            messages.append(
                Taken(
                    at=side.truth(),
                    delivery=int(named["delivery"]),
                    fence=fence,
                    chunk=chunk,
                    address=address,
                    mark=mark,
                    era=era,
                )
            )
        side.take(messages, "provider")
        side.tell([{"request": number, **one["custom_args"]} for one in request["personalizations"]])


_TAKEN = {
    "taken",
    "provider: 500 after accepting",
    "provider: reset after accepting",
    "provider: silence after accepting",
}


def _answer(fate: str, at_fault: int, chance: Chance) -> Answer:
    def errors(message: str, named: str | None = None) -> bytes:
        return json.dumps({"errors": [{"message": message, "field": named}]}).encode()

    if fate == "provider: 429":
        wait = str(chance.randrange(1, 40))
        return Answer(status=429, headers={"retry-after": wait}, body=errors("too many requests"))
    if fate == "provider: 503, not taken":
        return Answer(status=503, headers={}, body=errors("Service Unavailable"))
    if fate == "provider: 500 after accepting":
        return Answer(status=500, headers={}, body=errors("Internal Server Error"))
    if fate == "provider: names a recipient":
        body = errors("Does not contain a valid address.", f"personalizations.{at_fault}.to.0.email")
        return Answer(status=400, headers={}, body=body)
    if fate == "provider: key refused":
        return Answer(status=401, headers={}, body=errors("The provided authorization grant is invalid"))
    return Answer(status=202, headers={"x-message-id": "m"}, body=b"")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkSender:
    """The SendGrid sender over a simulated line, with small chunks."""

    side: OtherSide
    chunk: int
    name: str = "sendgrid"
    place: str = "the provider"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(whole_messages=False, chunk=self.chunk, connections=2, deadline=DEADLINE)

    def check(self, *, stop: object = None) -> None: ...

    def open(self) -> SendGridConnection:
        line: Any = Line(self.side)
        return SendGridConnection(line, sandbox=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageSender:
    """A mail server's sender: its answers are simulated, and what it is handed is the real message."""

    side: OtherSide
    keys: TokenKeys
    name: str = "smtp"
    place: str = "the mail server"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(whole_messages=True, chunk=1, connections=3, deadline=DEADLINE, return_path=BOUNCES)

    def check(self, *, stop: object = None) -> None: ...

    def open(self) -> MessageConnection:
        return Conversation(self.side, self.keys)


class Conversation(MessageConnection):
    """One connection to the mail server."""

    def __init__(self, side: OtherSide, keys: TokenKeys) -> None:
        self._side = side
        self._keys = keys

    def send(self, envelope: Envelope) -> Outcome:
        side, loop = self._side, self._side.loop
        fate, there, back = side.fate(), side.travel(), side.travel()
        if fate != "taken":
            side.story.tell("mail server", f"message {side.requests}: {fate.partition(': ')[2]}")
        if fate in _AT_ONCE:
            loop.pause(there)
            return _AT_ONCE[fate]
        if fate in {"taken", "server: reset after the dot", "server: silence after the dot"}:
            era = side.era
            loop.begin(lambda: self._take(envelope, era), name="mail server", after=there)
        if fate.startswith("server: silence"):
            loop.pause(DEADLINE)
            return Outcome.unknown("cut while waiting for the answer to the message")
        loop.pause(there + back)
        if fate == "server: reset after the dot":
            return Outcome.unknown("connection reset while waiting for the answer to the message")
        if fate == "server: 554 after the dot":
            return Outcome(kind=_REJECTED, code=554, reply="5.7.1 looks like spam", permanent=True, of_message=True)
        return Outcome.accepted(250, "2.0.0 queued")

    def cut(self) -> None:
        """The deadline is the conversation's own."""

    def close(self) -> None:
        """Nothing stays open."""

    def _take(self, envelope: Envelope, era: int) -> None:
        named = return_path.read(envelope.mail_from, self._keys)
        if named is None:
            raise AssertionError("a return path that is none of ours")
        one = Taken(
            at=self._side.truth(),
            delivery=named.delivery,
            fence=named.attempt,
            chunk=None,
            address=envelope.rcpt_to,
            mark=mark_in(_text_of(envelope.message)),
            era=era,
        )
        self._side.take([one], "mail server")


_REJECTED = Outcome.rejected(554, "").kind
_AT_ONCE = {
    "server: 550": Outcome.rejected(550, "5.1.1 no such user"),
    "server: 451": Outcome.deferred(451, "4.7.1 greylisted, try later"),
    "server: no connection": Outcome.deferred(None, "connection refused", sender_fault=True),
    "server: reset in DATA": Outcome.deferred(None, "connection reset in the message"),
    "server: we are refused": Outcome.deferred(535, "5.7.8 authentication failed", sender_fault=True, permanent=True),
}


def mark_in(text: str) -> str:
    """Which edition a message is of: the word after `edition`."""
    return text.partition("edition ")[2].split()[0].strip(".")


def _text_of(message: bytes) -> str:
    """The message's text, which may be in base64."""
    if b"edition " in message:
        return message.decode("utf-8", "replace")
    whole = message.replace(b"\r\n", b"\n")
    for part in whole.split(b"\n\n"):
        try:
            found = base64.b64decode(part, validate=False)
        except ValueError:
            continue
        if b"edition " in found:
            return found.decode("utf-8", "replace")
    raise AssertionError("a message of no edition")
