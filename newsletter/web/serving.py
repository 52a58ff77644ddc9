"""Running a web application: one uvicorn server in a thread, which starts when it says so and stops within a second."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import uvicorn

from newsletter.errors import InputError
from newsletter.rehearsal.ports import take_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from types import TracebackType

    from fastapi import FastAPI

STOP_SECONDS = 1.0
MOST_CONNECTIONS = 1000
_START_SECONDS = 10.0


class Server:
    """A web server in a thread of its own. Use it as a context manager, or call `start` and `stop` (once each).

    Args:
        app: what it serves.
        host: the address to listen on; "localhost" becomes 127.0.0.1.
        port: 0 picks a free one; `port` and `url` tell which, once started.
        listening: a socket that listens already, instead of `host` and `port`; the server closes it.
        proxies: addresses and networks of servers in front of it, whose X-Forwarded-For and -Proto are believed.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        listening: socket.socket | None = None,
        proxies: Sequence[str] = (),
    ) -> None:
        self.host = "127.0.0.1" if host == "localhost" else host
        self.port = port
        self._listening = listening
        # No access log: it would write readers' tokens and addresses to the terminal.
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=list(proxies),
                # Beyond that it says 503: a crowd is told to come back, and the process keeps its memory.
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for a browser, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Listen; on return the server answers.

        Raises:
            InputError: the port is busy or may not be taken, or the server did not come up.
        """
        listening = self._listening or take_port(self.host, self.port, purpose="the web server")
        self.host, self.port = listening.getsockname()[:2]
        run = self._uvicorn.run
        self._thread = threading.Thread(target=run, kwargs={"sockets": [listening]}, name="web", daemon=True)
        self._thread.start()
        give_up = time.monotonic() + _START_SECONDS
        while not self._uvicorn.started and self._thread.is_alive() and time.monotonic() < give_up:
            time.sleep(0.005)
        if not self._uvicorn.started:
            self.stop()
            raise InputError("the web server did not start", where=f"{self.host}:{self.port}", remedy="Try again")
        return self

    def stop(self) -> None:
        """Stop listening and end; a request that takes longer than a second is cut."""
        self._uvicorn.should_exit = True
        if self._thread is None:
            return
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            self._uvicorn.force_exit = True
            self._thread.join(STOP_SECONDS)
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
