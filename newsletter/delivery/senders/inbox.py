"""The inbox sender: messages go into a folder of this machine, and nothing ever leaves it.

The folder is a Maildir (a file a message; written under `tmp`, then renamed into `new`), so that any mail program shows
it and no server has to run. The rehearsal's own inbox, with its viewer, is a server: that one is reached by SMTP.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from newsletter.delivery.senders.base import Capabilities, Envelope, MessageConnection, Outcome
from newsletter.errors import InputError

_PARTS = ("tmp", "new", "cur")


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxSender:
    """Puts messages into the Maildir `folder`, which is made where it is missing; `connections` threads at once."""

    folder: Path
    connections: int = 1

    @property
    def name(self) -> str:
        """As in `[sender] kind`."""
        return "inbox"

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def capabilities(self) -> Capabilities:
        """One message a call. A disk that takes longer than the deadline is as good as none."""
        return Capabilities(whole_messages=True, chunk=1, connections=self.connections, deadline=30.0)

    def check(self, *, stop: threading.Event | None = None) -> None:  # noqa: ARG002 - a disk answers at once
        """Make the folder and look whether it can be written.

        Raises:
            InputError: it cannot.
        """
        try:
            _prepare(self.folder)
            trial = self.folder / "tmp" / f"check.{secrets.token_hex(8)}"
            trial.touch(mode=0o600, exist_ok=False)
            trial.unlink()
        except OSError as error:
            raise InputError(
                f"mail cannot be put into the folder: {error.strerror}",
                where=self.place,
                remedy="Check [sender] folder in newsletter.toml and the rights of this user",
            ) from error

    def open(self) -> InboxConnection:
        """A connection for one thread."""
        return InboxConnection(self.folder)


class InboxConnection(MessageConnection):
    """Writes into the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prepared = False

    def send(self, envelope: Envelope) -> Outcome:
        """Put one message into the folder. The same message to the same reader again is the same file."""
        rcpt_to, lines = envelope.rcpt_to, f"Return-Path: <{envelope.mail_from}>\nDelivered-To: {envelope.rcpt_to}\n"
        if not lines.replace("\n", "").isprintable():
            return Outcome.rejected(None, "the address cannot stand in a header")
        data = lines.encode() + envelope.message.replace(b"\r\n", b"\n")
        name = hashlib.sha256(rcpt_to.encode() + b"\0" + envelope.message).hexdigest()[:32]
        try:
            self._write(name, data)
        except OSError as error:
            return Outcome.deferred(None, f"the message cannot be written: {error.strerror}", sender_fault=True)
        return Outcome.accepted(None, f"kept as {name}", provider_id=name)

    def cut(self) -> None:
        """Nothing can be cut: a write ends by itself."""

    def close(self) -> None:
        """Nothing stays open."""

    def _write(self, name: str, data: bytes) -> None:
        if not self._prepared:
            _prepare(self._folder)
            self._prepared = True
        temporary = self._folder / "tmp" / f"{name}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            temporary.replace(self._folder / "new" / name)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise


def _prepare(folder: Path) -> None:
    for part in _PARTS:
        (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
