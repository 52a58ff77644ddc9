"""A talk with a server, written down as a generator: it yields what has to happen next, and never waits itself.

So the same talk goes on in a thread that waits for it, and in one that serves many of them.
"""

from __future__ import annotations

import math
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from selectors import EVENT_READ, DefaultSelector
from typing import Any, TypeVar

from newsletter.delivery.senders.base import Elsewhere, Outcome, SharedConnection
from newsletter.delivery.senders.smtp.replies import words
from newsletter.delivery.senders.smtp.stream import Reply, Stream
from newsletter.delivery.senders.watch import WATCH_SECONDS

T = TypeVar("T")


class Wait(Enum):
    """What a talk waits for besides what it does itself."""

    ANSWER = auto()
    """The server's next answer: it is what the `yield` gives, as code and words."""


ANSWER = Wait.ANSWER

Step = bytes | Wait | Callable[[], object]
"""Bytes: all of them are to be sent. A function takes its time (it connects, or signs): it is called elsewhere, and what it
gives is what the `yield` gives. Where any of them fails, the `yield` raises the error."""

Talk = Generator[Step, Any, T]


_OF_SERVER = (bytes, Wait)
"""The steps that the server takes part in."""


class TalkingConnection(SharedConnection):
    """A connection that goes through talks, one at a time; a subclass has them.

    `patience`: how many seconds the server may be silent, or take nothing. `cut` and `cut_if_overdue` are for other threads.
    """

    def __init__(self, *, patience: float) -> None:
        self._stream: Stream | None = None
        # The last one opened, known here before it has greeted.
        self._wire: smtplib.SMTP | None = None
        self._talk: Talk[Outcome | None] = _nothing()
        self._step: Step = b""
        self._elsewhere: Elsewhere = here
        self._came_of_it: tuple[object, BaseException | None] | None = None
        # In `time.monotonic`. The server may be silent until then; all that is going on may last until then.
        self._silent_until = math.inf
        self._deadline = math.inf
        self._patience = patience
        self._was_cut = False
        self._guard = threading.Lock()

    def cut(self) -> None:
        """End the connection: whoever waits on it gets an error at once."""
        with self._guard:
            self._cut()

    def cut_if_overdue(self) -> None:
        """The same, where what it does has taken longer than it may."""
        with self._guard:
            if time.monotonic() > self._deadline:
                self._cut()

    def go_on(self) -> bool:
        """Do what can be done without waiting; whether all is over."""
        woken = True
        try:
            while True:
                try:
                    done, value = self._performed(woken=woken)
                    if not done:
                        return False
                except (OSError, ValueError) as error:
                    self._enter(self._talk.throw(error))
                else:
                    self._enter(self._talk.send(value))
                woken = False
        except StopIteration as end:
            self.outcome = end.value
            # A talk that is over says so again whenever it is asked.
            self._step, self._deadline = b"", math.inf
            self.wants, self.until = 0, math.inf
            return True

    def _start(self, talk: Talk[Outcome | None], elsewhere: Elsewhere, *, seconds: float) -> None:
        self._talk, self._elsewhere = talk, elsewhere
        self._allow(seconds)
        # Nothing to send: that is done at once, and the talk begins.
        self._step = b""
        self.wants, self.until = 0, math.inf

    def _enter(self, step: Step) -> None:
        """Begin a step of the talk."""
        self._step = step
        self._silent_until = time.monotonic() + self._patience
        if isinstance(step, bytes):
            if self._stream is not None:
                self._stream.put(step)
        elif step is not ANSWER:
            self.wants, self._came_of_it = 0, None
            self._elsewhere(partial(self._do, step))

    def _do(self, job: Callable[[], object]) -> None:
        try:
            self._came_of_it = job(), None
        except BaseException as fault:  # noqa: BLE001 - raised where the talk goes on
            self._came_of_it = None, fault

    def _performed(self, *, woken: bool) -> tuple[bool, object]:
        """Whether the step is over, and what came of it; `woken`: there may be something to read.

        Raises:
            BaseException: it failed.
        """
        step = self._step
        came: object
        if step == b"":
            return True, None
        if isinstance(step, _OF_SERVER):
            if self._stream is None:
                raise ConnectionResetError("the connection is closed")
            came = self._answer(self._stream, woken=woken) if step is ANSWER else None
            over = came is not None or (step is not ANSWER and self._sent(self._stream))
            self.wants = self._stream.wants
        else:
            over, came = self._of_elsewhere()
        if not over:
            self._look_at_the_time()
        return over, came

    def _sent(self, stream: Stream) -> bool:
        left = stream.left
        over = stream.flush()
        if stream.left < left:
            self._silent_until = time.monotonic() + self._patience
        return over

    def _answer(self, stream: Stream, *, woken: bool) -> Reply | None:
        # What was just asked cannot have been answered yet: it is not looked for before the socket is ready.
        stream.wants = EVENT_READ
        while (reply := stream.reply()) is None and (woken or stream.pending) and stream.receive():
            self._silent_until = time.monotonic() + self._patience
            woken = False
        return reply

    def _of_elsewhere(self) -> tuple[bool, object]:
        if self._came_of_it is None:
            return False, None
        came, fault = self._came_of_it
        if fault is not None:
            raise fault
        return True, came

    def _look_at_the_time(self) -> None:
        """Say until when the step may last.

        Raises:
            TimeoutError: it has lasted for longer.
        """
        now = time.monotonic()
        of_server = isinstance(self._step, _OF_SERVER)
        if now > self._deadline:
            self.cut()
            # What is done elsewhere ends by itself, once its connection is cut; there may have been none at this moment:
            # not before it is connected, and not while it agrees on the encryption.
            self._deadline = -math.inf if of_server else now + WATCH_SECONDS
        self.until = min(self._deadline, self._silent_until) if of_server else self._deadline
        if now > self.until:
            raise TimeoutError

    def _waited(self) -> Outcome | None:
        """Go on until all is over, waiting for the server; the outcome."""
        while not self.go_on():
            with DefaultSelector() as selector:
                if self.sock is not None and self.wants:
                    selector.register(self.sock, self.wants)
                selector.select(max(0.0, self.until - time.monotonic()))
        return self.outcome

    def _allow(self, seconds: float) -> None:
        """So long may pass from now on."""
        with self._guard:
            self._deadline = time.monotonic() + seconds
            self._was_cut = False

    def _cut(self) -> None:
        self._was_cut = True
        sock = self._wire.sock if self._wire is not None else None
        if sock is not None:
            with suppress(OSError):
                # Not the TLS socket's own: that one takes the encryption away first, while another thread may be writing.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _opened(self, server: smtplib.SMTP) -> None:
        self._wire = server

    def _why(self, error: Exception) -> str:
        return "it took too long and was cut off" if self._was_cut else words(error)

    def _drop(self) -> None:
        stream, self._stream, self.sock = self._stream, None, None
        if stream is not None:
            stream.close()


def here(job: Callable[[], None]) -> None:
    """Do it at once, in this thread."""
    job()


def _nothing() -> Talk[None]:
    yield from ()
