"""A mail server that behaves badly by a seed, and keeps its own log of what it took."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter, defaultdict
from typing import Self

TAKEN, REFUSED = "taken", "refused"


class Sink:
    """Listens on loopback in a thread. What it does to a message depends on the seed and on how often it saw the recipient.

    `taken` counts, by recipient, the messages that it has taken; `refused` names those it never takes; `unanswered`
    counts the messages that it broke off. `message_ids` and `return_paths` are what came with all tries at a recipient.

    Args:
        seed: of its moods.
        ill: the share of tries that fare badly.
        delay: the longest wait before the answer to a message, in seconds.
    """

    def __init__(self, *, seed: int, ill: float, delay: float) -> None:
        self.port = 0
        self.taken: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.unanswered = 0
        self.message_ids: defaultdict[str, set[bytes]] = defaultdict(set)
        self.return_paths: defaultdict[str, set[str]] = defaultdict(set)
        self._seed, self._ill, self._delay = seed, ill, delay
        self._tries: Counter[str] = Counter()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=1024 * 1024)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink.example ESMTP\r\n")
        recipient = sender = ""
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"MAIL":
                sender = _address(line)
                writer.write(b"250 OK\r\n")
            elif verb == b"RCPT":
                address = _address(line)
                self.return_paths[address].add(sender)
                answer, recipient = self._meet(address)
                writer.write(answer)
            elif verb == b"DATA" and not recipient:
                writer.write(b"503 5.5.1 no valid recipients\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go ahead\r\n")
                await writer.drain()
                if not await self._message(recipient, reader, writer):
                    return
                recipient = ""
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 OK\r\n")
            await writer.drain()

    def _meet(self, address: str) -> tuple[bytes, str]:
        self._tries[address] += 1
        dice = self._dice(address, 0)
        if dice < self._ill / 10:
            self.refused.add(address)
            return b"550 5.1.1 no such user\r\n", ""
        if self._tries[address] == 1 and dice < self._ill / 3:
            return b"451 4.7.1 greylisted, try later\r\n", ""
        return b"250 OK\r\n", address

    async def _message(self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a message and answer; whether the connection goes on."""
        mood = self._dice(recipient, self._tries[recipient])
        if mood < self._ill / 6:
            # In the middle of DATA: nothing is taken.
            await reader.readline()
            self.unanswered += 1
            writer.transport.abort()
            return False
        while (line := await reader.readline()) != b".\r\n":
            if line.startswith(b"Message-ID:"):
                self.message_ids[recipient].add(line)
            if reader.at_eof():
                return False
        if mood > 0.5:
            await asyncio.sleep(self._delay * (mood - 0.5) * 2)
        if mood < self._ill / 3:
            writer.write(b"451 4.3.0 queue file write error\r\n")
            return True
        self.taken[recipient] += 1
        if mood < self._ill / 2:
            # Taken, then a reset in the place of the answer (RFC 1047).
            self.unanswered += 1
            writer.transport.abort()
            return False
        writer.write(b"250 2.0.0 queued\r\n")
        return True

    def _dice(self, recipient: str, tries: int) -> float:
        return random.Random(f"{self._seed}/{recipient}/{tries}").random()


def _address(command: bytes) -> str:
    return command.decode().partition("<")[2].partition(">")[0]
