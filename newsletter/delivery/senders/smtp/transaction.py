"""The part of a transaction that comes before the message: MAIL, RCPT, DATA (RFC 5321 section 3.3).

Where the server offers it the three go out in one write (RFC 2920), and one journey to the server and back is waited for
instead of three. The message itself waits for the answer to DATA all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from newsletter.delivery.senders.base import Envelope, Outcome
from newsletter.delivery.senders.smtp.replies import judged, text
from newsletter.delivery.senders.smtp.stream import Offers
from newsletter.delivery.senders.smtp.talk import ANSWER, Talk


class _About(Enum):
    """Whom a refusal is about: us, the one reader, or this message."""

    US = auto()
    READER = auto()
    MESSAGE = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """The answers to a command that let the next one follow, and whom a refusal is about."""

    wanted: tuple[int, ...]
    about: _About


class Refused(Exception):  # noqa: N818 - it carries an outcome, it is not a fault of the program
    """The transaction ended early with this outcome.

    `hang_up`: the connection is of no more use. `stale`: it was so before, and another may do better.
    """

    def __init__(self, outcome: Outcome, *, hang_up: bool = False, stale: bool = False) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome
        self.hang_up = hang_up
        self.stale = stale

    def hanging_up(self) -> Refused:
        """The same, and the connection is of no more use."""
        return Refused(self.outcome, hang_up=True, stale=self.stale)


_STEPS = (
    _Step(wanted=(250,), about=_About.US),
    _Step(wanted=(250, 251, 252), about=_About.READER),
    _Step(wanted=(354,), about=_About.MESSAGE),
)


def announce(offers: Offers, envelope: Envelope, *, pipelining: bool = True) -> Talk[None]:
    """MAIL, RCPT, DATA; over once the server waits for the message.

    Args:
        offers: what the server has offered.
        envelope: whose message it is.
        pipelining: send all three at once where the server offers that.

    Raises:
        Refused: it will not be sent now.
        OSError: the connection broke.
    """
    # Beyond ASCII only where the server has offered SMTPUTF8, which says UTF-8.
    commands = (_mail(offers, envelope).encode(), f"RCPT TO:<{envelope.rcpt_to}>\r\n".encode(), b"DATA\r\n")
    return _at_once(commands) if pipelining and offers.pipelining else _one_by_one(commands)


def _mail(offers: Offers, envelope: Envelope) -> str:
    """MAIL with what this message needs and the server offers."""
    options = ""
    if offers.size:
        options += f" SIZE={len(envelope.message)}"
    if not envelope.message.isascii():
        if not offers.eight_bit:
            raise Refused(_lasting("the server takes no messages with bytes beyond ASCII (8BITMIME)"))
        options += " BODY=8BITMIME"
    if not (envelope.rcpt_to + envelope.mail_from).isascii():
        if not offers.utf8:
            raise Refused(Outcome.rejected(None, "the server takes no addresses with letters beyond ASCII (SMTPUTF8)"))
        options += " SMTPUTF8"
    return f"MAIL FROM:<{envelope.mail_from}>{options}\r\n"


def _lasting(reply: str) -> Outcome:
    return Outcome.deferred(None, reply, sender_fault=True, permanent=True)


def _one_by_one(commands: tuple[bytes, ...]) -> Talk[None]:
    for step, command in zip(_STEPS, commands, strict=True):
        yield command
        code, reply = yield ANSWER
        refused = _refusal(step, code, reply)
        if refused is not None:
            raise refused if refused.hang_up else (yield from _reset(refused))


def _at_once(commands: tuple[bytes, ...]) -> Talk[None]:
    """All commands in one write; every answer is read, since each belongs to its command by its place alone."""
    yield b"".join(commands)
    first: Refused | None = None
    taken, code = False, 0
    for step in _STEPS:
        try:
            code, reply = yield ANSWER
        except OSError:
            if first is None:
                raise
            # It said why, and hung up.
            raise first.hanging_up() from None
        refused = _refusal(step, code, reply)
        if refused is not None and refused.hang_up:
            # After 421 nothing follows. What is out of step was perhaps so before: nothing said so far can be trusted.
            raise first.hanging_up() if first is not None and code == 421 else refused
        if step.about is _About.READER:
            taken = refused is None
        first = first or refused
    if first is not None:
        raise (yield from _ended(first, waiting=code == 354, taken=taken))


def _ended(refused: Refused, *, waiting: bool, taken: bool) -> Talk[Refused]:
    """The refusal, with a server that is ready for the next message, or a connection that is given up.

    `waiting`: the server waits for a message all the same. `taken`: it has taken the recipient.
    """
    if waiting and taken:
        # A dot now would be an empty message for the reader. Without it nothing is delivered (RFC 5321 section 4.1.1.4).
        return refused.hanging_up()
    if waiting and not (yield from _confirms(b".\r\n", range(200, 600))):
        return refused.hanging_up()
    return (yield from _reset(refused))


def _reset(refused: Refused) -> Talk[Refused]:
    """What a refused transaction leaves behind must not meet the next (RFC 5321 section 4.1.1.5)."""
    return refused if (yield from _confirms(b"RSET\r\n", range(250, 251))) else refused.hanging_up()


def _confirms(command: bytes, codes: range) -> Talk[bool]:
    try:
        yield command
        code, _ = yield ANSWER
    except OSError:
        return False
    return code in codes and code != 421 and not 300 <= code < 400


def _refusal(step: _Step, code: int, reply: bytes) -> Refused | None:
    """What the answer to a step refuses; None where the next may follow."""
    if code in step.wanted:
        return None
    said = text(reply)
    if code == 421:
        # To RCPT, servers say it of the reader's domain (RFC 5321 section 4.2.3 only says that they then hang up).
        ours = step.about is not _About.READER
        return Refused(Outcome.deferred(code, said, sender_fault=ours), hang_up=True, stale=True)
    if not 400 <= code < 600:
        # An answer to something else: taken for one to this, the next would be misread too.
        return Refused(Outcome.deferred(code, f"out of step: {said}", sender_fault=True), hang_up=True)
    if step.about is _About.US:
        return Refused(Outcome.deferred(code, said, sender_fault=True, permanent=code >= 500))
    return Refused(judged(code, reply))
