"""The sender and its connections."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from newsletter.delivery.senders.base import Capabilities, ChunkConnection, Handed, Outcome, seconds
from newsletter.delivery.senders.sendgrid import requests
from newsletter.delivery.senders.sendgrid.answers import Verdict, judge
from newsletter.delivery.senders.sendgrid.requests import Addressed
from newsletter.delivery.senders.sendgrid.wire import LOOPBACK, Answer, Line, Silence, TooLargeError
from newsletter.delivery.senders.watch import watched
from newsletter.errors import InputError
from newsletter.settings import SenderSettings

KEY = "NEWSLETTER_SENDGRID_KEY"
_MOST_CORRECTIONS = 20
"""How often one request is made again without the recipients that the last answer named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendGridSender:
    """Where the interface is and how we sign in. `tls` verifies its certificate; by default the system's authorities do.

    Raises:
        InputError: there is no key, or it would cross the network unencrypted.
    """

    settings: SenderSettings
    key: str = field(repr=False)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if not self.key or not self.key.isascii() or not self.key.isprintable():
            raise InputError("there is no SendGrid key", where="[sender]", remedy=f"Set {KEY} or {KEY}_FILE")
        url = self.settings.url
        if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in LOOPBACK:
            raise InputError(
                f"the key would cross the network to {url} unencrypted", where="newsletter.toml", remedy="Use https://"
            )

    @property
    def name(self) -> str:
        """As in `[sender] kind`."""
        return "sendgrid"

    @property
    def place(self) -> str:
        """The interface's URL."""
        return self.settings.url

    @property
    def capabilities(self) -> Capabilities:
        """Up to 1,000 deliveries a call, over within `timeout_seconds`."""
        settings = self.settings
        return Capabilities(
            whole_messages=False,
            chunk=requests.MOST_RECIPIENTS,
            connections=settings.connections,
            deadline=settings.timeout_seconds,
        )

    def check(self, *, stop: threading.Event | None = None) -> None:
        """Ask what the key may do.

        Raises:
            InputError: nobody answers there, the key is refused, or it may not send; with SendGrid's words.
        """
        connection = self.open()
        with watched(connection, stop=stop):
            answer = connection.scopes(until=seconds() + self.settings.timeout_seconds)
        if isinstance(answer, Answer) and answer.status == 200:
            if _may_send(answer.body):
                return
            reply = "the key may not send mail (it lacks the scope mail.send)"
        else:
            reply = judge(answer, sandbox=False).outcome.reply
        raise InputError(
            f"mail cannot be handed over: {reply}",
            where=self.place,
            remedy=f"Check [sender] in newsletter.toml and {KEY}",
        )

    def open(self) -> SendGridConnection:
        """A connection for one thread."""
        return SendGridConnection(self._line(), sandbox=self.settings.sandbox)

    def _line(self) -> Line:
        return Line(url=self.settings.url, key=self.key, tls=self.tls)


class SendGridConnection(ChunkConnection):
    """A connection, for one thread."""

    def __init__(self, line: Line, *, sandbox: bool) -> None:
        self._line = line
        self._sandbox = sandbox

    def send_chunk(self, handed: Sequence[Handed], *, until: float) -> list[Outcome]:
        """Hand the deliveries over; see `ChunkConnection`.

        One request carries them all, unless an address comes twice, bodies differ or it would be over 30 MB. Where it
        takes several, each carries `attempt.N` in the place of `attempt`, so that evidence about one never speaks for
        another.
        """
        ended: dict[int, Outcome] = {}
        ready: list[Addressed] = []
        for at, one in enumerate(handed):
            try:
                ready.append(requests.addressed(at, one))
            except InputError as error:
                ended[at] = Outcome.rejected(None, f"no message can be made: {error.what}")
        groups = requests.grouped(ready)
        for number, group in enumerate(groups, start=1):
            if len(groups) > 1:
                _rename(group, str(number))
            ended |= self._send(group, until)
        return [ended[at] for at in range(len(handed))]

    def scopes(self, *, until: float) -> Answer | Silence:
        """What the key may do, by the moment `until` of `seconds`."""
        return self._line.scopes(until=until)

    def cut(self) -> None:
        """End the request on its way; see `Connection`."""
        self._line.cut()

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def _send(self, group: list[Addressed], until: float) -> dict[int, Outcome]:
        """One request, and as many more as it takes to leave out recipients that were named as faulty."""
        ended: dict[int, Outcome] = {}
        for corrections in range(_MOST_CORRECTIONS):
            verdict = self._ask(group, until)
            if verdict.too_large and len(group) > 1:
                return ended | self._send_halves(group, until)
            refused = [one for place, one in enumerate(group) if place in verdict.named]
            if not refused:
                return ended | {one.at: verdict.outcome for one in group}
            ended |= {one.at: verdict.outcome for one in refused}
            group = [one for place, one in enumerate(group) if place not in verdict.named]
            if not group:
                return ended
            if not corrections:
                # Another request: events of who is left must not vouch for who was named, if a kill loses this answer.
                _rename(group, "0")
        rest = Outcome.deferred(400, "other recipients of the same request were refused")
        return ended | {one.at: rest for one in group}

    def _ask(self, group: Sequence[Addressed], until: float) -> Verdict:
        try:
            answer = self._line.post(requests.body(group, sandbox=self._sandbox), until=until)
        except TooLargeError as error:
            outcome = Outcome.deferred(None, str(error), sender_fault=True, permanent=True)
            return Verdict(outcome=outcome, too_large=True)
        return judge(answer, sandbox=self._sandbox, recipients=len(group))

    def _send_halves(self, group: list[Addressed], until: float) -> dict[int, Outcome]:
        middle = len(group) // 2
        halves = group[:middle], group[middle:]
        ended: dict[int, Outcome] = {}
        for number, half in enumerate(halves, start=1):
            _rename(half, str(number))
            ended |= self._send(half, until)
        return ended


def _rename(group: Sequence[Addressed], part: str) -> None:
    """The attempt's word for one of several requests."""
    for one in group:
        arguments = one.personalization["custom_args"]
        arguments["attempt"] = f"{arguments['attempt']}.{part}"


def _may_send(body: bytes) -> bool:
    try:
        return "mail.send" in json.loads(body)["scopes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
