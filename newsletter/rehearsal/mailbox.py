"""What the inbox keeps: the bytes of each message on disk, and in memory one index entry a message.

The folder holds segments (`000000000001.mails`), each a row of records: one line of JSON (the index entry), the
message's bytes as they came, and a line break. Segments are only appended to, and a new run starts a new one, so that a
kill cuts off at most the last record, and nothing written before is touched. When the mailbox is full, the oldest
segment goes as a whole.
"""

from __future__ import annotations

import json
import tempfile
import threading
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any, Self

from newsletter.clock import Clock, system_clock
from newsletter.rehearsal.envelope import Envelope, headline, one_line
from newsletter.rehearsal.segments import Segment, locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

KEEP_MESSAGES = 50_000
KEEP_BYTES = 4 * 1024**3
SEGMENTS = 16
"""A full mailbox is at least this many segments: dropping the oldest one frees about a sixteenth."""

PAGE = 20
"""Messages on a page of the list: one screenful."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A message as the index knows it.

    `id` counts from 1 in order of arrival and is never used twice in a folder; `arrived` is UTC;
    `mail_from` ("" for bounces) and `rcpt_tos` are the envelope's, `sender`, `to` and `subject` the header's, decoded;
    `size` counts the message's octets.
    """

    id: int
    arrived: datetime
    mail_from: str
    rcpt_tos: tuple[str, ...]
    sender: str
    to: str
    subject: str
    size: int
    segment: Segment
    offset: int

    def matches(self, words: Sequence[str]) -> bool:
        """Whether each of the case-folded `words` stands in an address, a name or the subject."""
        hay = "\n".join((self.sender, self.to, self.subject, self.mail_from, *self.rcpt_tos)).casefold()
        return all(word in hay for word in words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some of the messages found, newest first: page `number` of `pages` (from 1), `total` found in all."""

    messages: tuple[Stored, ...]
    number: int
    pages: int
    total: int
    first: int


class Mailbox:
    """Messages, newest first. All methods may be called from any thread.

    Args:
        folder: where the bytes are kept, across restarts; None uses a temporary folder that goes with `close`.
        keep_messages: at least this many of the newest are kept (fewer only where `keep_bytes` comes first).
        keep_bytes: the disk space the messages may take.
        clock: stamps arrivals.

    Raises:
        InputError: the folder cannot be used, or another inbox has it open.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        keep_messages: int = KEEP_MESSAGES,
        keep_bytes: int = KEEP_BYTES,
        clock: Clock = system_clock,
    ) -> None:
        self._keep_messages = keep_messages
        self._keep_bytes = keep_bytes
        self._clock = clock
        self._mutex = threading.RLock()
        self._entries: list[Stored] = []
        self._by_address: dict[str, list[Stored]] = {}
        self._segments: list[Segment] = []
        self._open: Segment | None = None
        self._next_id = 1
        self._temporary = tempfile.TemporaryDirectory(prefix="newsletter-inbox-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else Path(str(folder))
        self._lock = locked(self.folder)
        self._recover()

    def add(self, raw: bytes, envelope: Envelope) -> Stored:
        """Keep a message: its bytes as they came. They survive the process (not a power cut: nothing is synced).

        Raises:
            OSError: the disk is full or failing; nothing of the message is kept.
        """
        with self._mutex:
            entry = self._entry(raw, envelope)
            line = json.dumps(entry, separators=(",", ":")).encode()
            segment = self._segment(len(line) + len(raw) + 2)
            stored = _stored(entry, segment, segment.size + len(line) + 1)
            segment.append(b"%s\n%s\n" % (line, raw))
            self._index(stored)
            self._drop_oldest()
            return stored

    def page(self, search: str = "", number: int = 1, *, size: int = PAGE) -> Page:
        """A page of what `search` finds: messages that hold each of its words, in any case, newest first.

        A page past the end is the last one. 20,000 messages are searched in about 30 ms.
        """
        with self._mutex:
            entries = list(self._entries) if search.strip() else self._entries
            if not search.strip():
                return _paged(entries, number, size)
        words = search.casefold().split()
        return _paged([entry for entry in entries if entry.matches(words)], number, size)

    def get(self, message_id: int) -> Stored | None:
        """The message of that id; None where there is none, or no longer."""
        with self._mutex:
            at = bisect_left(self._entries, message_id, key=lambda entry: entry.id)
            found = self._entries[at : at + 1]
        return found[0] if found and found[0].id == message_id else None

    def neighbours(self, message_id: int) -> tuple[int | None, int | None]:
        """The ids of the next older and the next newer message."""
        with self._mutex:
            at = bisect_left(self._entries, message_id, key=lambda entry: entry.id)
            here = at < len(self._entries) and self._entries[at].id == message_id
            older = self._entries[at - 1].id if at else None
            newer = self._entries[at + here].id if at + here < len(self._entries) else None
        return older, newer

    def raw(self, message: Stored) -> bytes:
        """The message's bytes as they came; b"" where the mailbox dropped it meanwhile."""
        with self._mutex:
            if message.segment not in self._segments:
                return b""
            return message.segment.read(message.offset, message.size)

    def messages_for(self, address: str) -> list[Stored]:
        """The messages whose envelope names `address` (in any case) as a recipient, oldest first."""
        with self._mutex:
            return list(self._by_address.get(address.casefold(), ()))

    def count(self) -> int:
        """How many messages there are."""
        with self._mutex:
            return len(self._entries)

    def __iter__(self) -> Iterator[Stored]:
        """All messages there are now, oldest first."""
        with self._mutex:
            return iter(list(self._entries))

    def close(self) -> None:
        """Let go of the files; a temporary folder is removed."""
        with self._mutex:
            for segment in self._segments:
                segment.close()
            self._segments.clear()
            self._lock.close()
            if self._temporary:
                self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _entry(self, raw: bytes, envelope: Envelope) -> dict[str, Any]:
        shown = headline(raw)
        return {
            "id": self._next_id,
            "arrived": self._clock().astimezone(UTC).isoformat(),
            "mail_from": one_line(envelope.mail_from),
            "rcpt_tos": [one_line(address) for address in envelope.rcpt_tos],
            "sender": shown.sender,
            "to": shown.to,
            "subject": shown.subject,
            "size": len(raw),
        }

    def _index(self, stored: Stored) -> None:
        self._entries.append(stored)
        self._next_id = stored.id + 1
        for address in {address.casefold() for address in stored.rcpt_tos}:
            self._by_address.setdefault(address, []).append(stored)

    def _segment(self, room: int) -> Segment:
        """The segment to append to: a new one for each run, and for each sixteenth of what may be kept."""
        most, heaviest = max(1, self._keep_messages // SEGMENTS), self._keep_bytes // SEGMENTS
        if self._open is None or self._open.count >= most or self._open.size + room > max(heaviest, room):
            self._open = Segment(self.folder / f"{self._next_id:012d}.mails", fresh=True)
            self._segments.append(self._open)
        return self._open

    def _drop_oldest(self) -> None:
        while len(self._segments) > 1 and (
            len(self._entries) - self._segments[0].count >= self._keep_messages
            or sum(segment.size for segment in self._segments) > self._keep_bytes
        ):
            oldest = self._segments.pop(0)
            for entry in self._entries[: oldest.count]:
                self._forget(entry)
            del self._entries[: oldest.count]
            oldest.close()
            oldest.path.unlink(missing_ok=True)

    def _forget(self, entry: Stored) -> None:
        for address in {address.casefold() for address in entry.rcpt_tos}:
            rest = self._by_address[address]
            rest.remove(entry)
            if not rest:
                del self._by_address[address]

    def _recover(self) -> None:
        for path in sorted(self.folder.glob("*.mails")):
            segment = Segment(path, fresh=False)
            self._segments.append(segment)
            for stored in _records(segment):
                if stored.id >= self._next_id:
                    segment.count += 1
                    self._index(stored)
            if path.stem.isdigit():
                self._next_id = max(self._next_id, int(path.stem) + 1)


def _records(segment: Segment) -> Iterator[Stored]:
    """The segment's messages; none after one whose entry makes no sense."""
    for entry, offset in segment.records():
        try:
            yield _stored(entry, segment, offset)
        except (ValueError, KeyError, TypeError):
            return


def _stored(entry: dict[str, Any], segment: Segment, offset: int) -> Stored:
    return Stored(
        id=int(entry["id"]),
        arrived=datetime.fromisoformat(entry["arrived"]),
        mail_from=entry["mail_from"],
        rcpt_tos=tuple(entry["rcpt_tos"]),
        sender=intern(entry["sender"]),
        to=entry["to"],
        subject=intern(entry["subject"]),
        size=int(entry["size"]),
        segment=segment,
        offset=offset,
    )


def _paged(entries: list[Stored], number: int, size: int) -> Page:
    total = len(entries)
    pages = max(1, -(-total // size))
    number = min(max(1, number), pages)
    end = total - (number - 1) * size
    shown = tuple(reversed(entries[max(0, end - size) : end]))
    return Page(messages=shown, number=number, pages=pages, total=total, first=(number - 1) * size + 1 if total else 0)
