"""The server: HTTP/1.1 on loopback, as much of it as Mail Send needs, light enough for a million recipients a minute."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from newsletter.rehearsal.mailbox import Mailbox
from newsletter.rehearsal.ports import loopback, take_port
from newsletter.rehearsal.sendgrid import contract, events
from newsletter.rehearsal.sendgrid.events import Event, Key
from newsletter.rehearsal.sendgrid.log import Log
from newsletter.rehearsal.sendgrid.messages import message
from newsletter.rehearsal.sendgrid.plan import TAKEN, Fate, Ill, Plan

if TYPE_CHECKING:
    import socket
    from types import TracebackType

KEY = "SG.rehearsal"
_BATCH = 500
"""Events a post: with 1 KB each at most, half of what our webhook takes."""

_LATE_SECONDS = 0.5
_RETRY_SECONDS = 0.5
_POST_SECONDS = 10.0
_SILENCE_SECONDS = 600.0
_STOP_SECONDS = 5.0
_LONGEST_HEAD = 64 * 1024
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    method: str
    path: str
    headers: dict[str, str]
    length: int


class Provider:
    """The fake SendGrid. Use it as a context manager, or call `start` and `stop` (once each).

    Without a mailbox it only logs: a million recipients in requests of 1,000 then cost it 12 s of one core and 45 MB.

    Args:
        port: 0 picks a free one; `url` tells which, once started.
        log: where the log is appended to; None keeps none.
        plan: which requests fare badly; the default is a good day.
        mailbox: where messages are delivered.
        webhook: the URL that signed events are posted to; None posts none.
        signing: what they are signed with; `signing.public` goes into `[sender] events_key`.
        key: the API key that may send; "" takes every key.
        senders: the From addresses that are verified; empty: all.
        refused: addresses that it finds no fit ones, in lower case.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        plan: Plan | None = None,
        mailbox: Mailbox | None = None,
        webhook: str | None = None,
        signing: Key | None = None,
        key: str = KEY,
        senders: frozenset[str] = frozenset(),
        refused: frozenset[str] = frozenset(),
    ) -> None:
        self.host = loopback(host)
        self.port = port
        self.plan = plan or Plan()
        self.signing = signing or Key()
        self.webhook = webhook
        self.counts: Counter[str] = Counter()
        self._log = Log(log) if log else None
        self._mailbox = mailbox
        self._key = key
        self._senders = senders
        self._refused = refused
        self._requests = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._busy: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """For `[sender] url`."""
        return f"http://{self.host}:{self.port}"

    @property
    def posting(self) -> int:
        """How many posts of events are still to be made."""
        return sum(not task.done() for task in list(self._busy))

    def start(self) -> Self:
        """Listen, in a thread; on return the port answers.

        Raises:
            InputError: the port is busy or may not be taken.
        """
        listening = take_port(self.host, self.port, purpose="the rehearsed SendGrid")
        self.port = listening.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, started)), name="sendgrid", daemon=True
        )
        self._thread.start()
        started.wait()
        return self

    def stop(self) -> None:
        """Stop listening and posting; close the log."""
        if self._thread and self._loop and self._stopping:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOP_SECONDS)
            self._thread = None
        if self._log:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self, listening: socket.socket, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._converse, sock=listening, limit=_LONGEST_HEAD)
        started.set()
        await self._stopping.wait()
        server.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # aborted connections are closed in the loop's next round

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _asked(reader)) is not None and await self._answer(asked, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        except asyncio.CancelledError:
            # Only `stop` does so. The streams of asyncio would report a cancelled conversation as a fault.
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, asked: _Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection is still of use."""
        if (asked.method, asked.path) == ("POST", "/v3/mail/send"):
            return await self._mail_send(asked, reader, writer)
        await reader.readexactly(asked.length)
        if not self._signed_in(asked):
            return await _reply(
                writer, 401, _errors("The provided authorization grant is invalid, expired, or revoked")
            )
        if (asked.method, asked.path) == ("GET", "/v3/scopes"):
            return await _reply(writer, 200, {"scopes": ["mail.send", "sender_verification_eligible"]})
        return await _reply(writer, 404, _errors("Not Found"))

    async def _mail_send(self, asked: _Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self._requests += 1
        number = self._requests
        fate = self.plan.fate(number)
        if fate.ill is Ill.HALF_READ:
            await reader.readexactly(min(asked.length // 2, 4096))
            self._note(number, Ill.HALF_READ, [])
            return _reset(writer)
        if asked.length > contract.MOST_BYTES:
            self._note(number, "refused", [])
            await _reply(writer, 413, _errors("content too large"))
            return False
        data = await reader.readexactly(asked.length)
        if fate.delay:
            await asyncio.sleep(fate.delay)
        return await self._decide(number, fate, asked, data, writer)

    async def _decide(self, number: int, fate: Fate, asked: _Asked, data: bytes, writer: asyncio.StreamWriter) -> bool:
        refusal = self._refusal_of_us(asked)
        if refusal is None and fate.ill is not None and fate.ill not in TAKEN:
            return await self._throw_away(number, fate.ill, writer)
        if refusal is None:
            try:
                request = contract.parse(data, refused=self._refused)
            except contract.RefusedError as refused:
                refusal = 400, {"errors": [{"message": each.message, "field": each.field} for each in refused.faults]}
            else:
                return await self._take(number, fate, request, writer)
        self._note(number, "refused", [])
        return await _reply(writer, *refusal)

    async def _take(self, number: int, fate: Fate, request: contract.Request, writer: asyncio.StreamWriter) -> bool:
        if self._senders and request["from"]["email"] not in self._senders:
            self._note(number, "refused", [])
            text = "The from address does not match a verified Sender Identity. Mail cannot be sent until this is resolved."
            return await _reply(writer, 403, _errors(text, "from"))
        if contract.is_sandbox(request):
            self._note(number, "sandbox", request["personalizations"])
            return await _reply(writer, 200, None)
        self._note(number, "taken", request["personalizations"])
        self._deliver(request)
        self._tell(number, request["personalizations"])
        if fate.ill is Ill.ACCEPTED_500:
            return await _reply(writer, 500, _errors("Internal Server Error"))
        if fate.ill is Ill.ACCEPTED_RESET:
            return _reset(writer)
        if fate.ill is Ill.ACCEPTED_SILENCE:
            await asyncio.sleep(_SILENCE_SECONDS)
            return False
        return await _reply(writer, 202, None, {"X-Message-Id": f"m{self.plan.seed}-{number}"})

    async def _throw_away(self, number: int, ill: Ill, writer: asyncio.StreamWriter) -> bool:
        self._note(number, ill, [])
        if ill is Ill.TOO_MANY:
            return await _reply(writer, 429, _errors("too many requests"), {"Retry-After": str(self.plan.retry_after)})
        if ill is Ill.BROKEN:
            return await _reply(writer, 503, _errors("Service Unavailable"))
        return _reset(writer)

    def _refusal_of_us(self, asked: _Asked) -> tuple[int, Any] | None:
        if not self._signed_in(asked):
            return 401, _errors("The provided authorization grant is invalid, expired, or revoked")
        if asked.headers.get("content-type", "").partition(";")[0] != "application/json":
            return 415, _errors("Content-Type should be application/json.")
        return None

    def _signed_in(self, asked: _Asked) -> bool:
        return not self._key or secrets.compare_digest(asked.headers.get("authorization", ""), f"Bearer {self._key}")

    def _note(self, number: int, status: str, personalizations: list[dict[str, Any]]) -> None:
        self.counts[status] += 1
        self.counts["recipients"] += len(personalizations)
        if self._log:
            self._log.add(number, status, personalizations)

    def _deliver(self, request: contract.Request) -> None:
        if self._mailbox:
            for personalization in request["personalizations"]:
                self._mailbox.add(*message(request, personalization))

    def _tell(self, number: int, personalizations: list[dict[str, Any]]) -> None:
        if self.webhook is None:
            return
        soon, late = events.of_request(number, personalizations, self.plan)
        for told, wait in ((soon, 0.0), (late, _LATE_SECONDS)):
            for start in range(0, len(told), _BATCH):
                task = asyncio.ensure_future(self._post(told[start : start + _BATCH], wait))
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)

    async def _post(self, told: list[Event], wait: float) -> None:
        """Post events until they are taken."""
        await asyncio.sleep(wait)
        body = events.encode(told)
        while self.webhook is not None:
            headers = {**self.signing.headers(body), "Content-Type": "application/json"}
            try:
                status = await asyncio.wait_for(_post(self.webhook, headers, body), _POST_SECONDS)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                status = 0
            self.counts[f"webhook {status}"] += 1
            if 200 <= status < 300:
                return
            await asyncio.sleep(_RETRY_SECONDS)


async def _asked(reader: asyncio.StreamReader) -> _Asked | None:
    """The next request's head; None where the other side has hung up."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return _Asked(method=method, path=path, headers=headers, length=int(headers.get("content-length", "0")))


async def _reply(writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str] | None = None) -> bool:
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"Content-Length: {len(data)}"]
    lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    await writer.drain()
    return True


def _reset(writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


def _errors(text: str, field: str | None = None) -> dict[str, Any]:
    return {"errors": [{"message": text, "field": field, "help": None}]}


async def _post(url: str, headers: dict[str, str], body: bytes) -> int:
    """POST on loopback; the status of the answer."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(loopback(parts.hostname or ""), parts.port or 80)
    try:
        lines = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        return int((await reader.readline()).split(b" ")[1])
    except IndexError as error:
        raise ConnectionResetError("no answer") from error
    finally:
        writer.close()
