"""What the benchmarks of sending share: a newsroom with many invented readers, a mailing to them, and processes.

A part is a module `bench_send_NAME.py` with `measured(asked)` that yields rows, and raises `SkippedError` where
something is missing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Self

from bench_rows import long_issue
from sqlalchemy import bindparam, select, text, update

from newsletter.app import App
from newsletter.audience import lists
from newsletter.clock import system_clock
from newsletter.errors import InputError
from newsletter.publishing import Mailing, mailings
from newsletter.rehearsal import postgresql
from newsletter.rendering import Edition
from newsletter.settings import load
from newsletter.settings.secrets import DATABASE
from newsletter.store import Store, tables
from newsletter.store.tables import Instant

PATIENCE = 1_800.0


class SkippedError(Exception):
    """A part cannot be measured here; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """How much to measure. `recipients`: None for as many as the targets speak of."""

    recipients: int | None
    quick: bool

    def readers(self, usual: int, *, quick: int = 2_000) -> int:
        """How many readers to mail."""
        return self.recipients or (quick if self.quick else usual)


@dataclass(frozen=True, kw_only=True, slots=True)
class Newsroom:
    """A newsroom in a folder of its own. `environ` is what its processes need."""

    root: Path
    app: App
    environ: Mapping[str, str]

    @property
    def store(self) -> Store:
        return self.app.store

    def worker(self, *options: str, until_ready: bool = False) -> Process:
        """`newsletter worker`, as a person starts it."""
        command = [sys.executable, "-m", "newsletter", "worker", *options]
        return Process.start(command, self.root, self.environ, ready=b"Waiting for mailings" if until_ready else None)


@contextmanager
def newsroom(
    sender: str, *, database: str | None = None, secrets: Mapping[str, str] | None = None
) -> Iterator[Newsroom]:
    """An empty newsroom on SQLite, or in the PostgreSQL database of that URL; `sender` is its `[sender]` table."""
    environ = dict(secrets or {}) | ({DATABASE: database} if database else {})
    with tempfile.TemporaryDirectory(prefix="bench-") as name, _environment(environ):
        root = Path(name)
        (root / "outlets.toml").write_text("", encoding="utf-8")
        (root / "newsletter.toml").write_text(_SETTINGS + f"[sender]\n{sender}\n", encoding="utf-8")
        with App.open(load(root)) as app:
            yield Newsroom(root=root, app=app, environ=environ)


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty PostgreSQL database: a server of our own, whose commits reach the disk.

    Raises:
        SkippedError: PostgreSQL is not installed, or does not start.
    """
    with _skipped("PostgreSQL"), postgresql.cluster(durable=True) as running:
        yield running.url


@contextmanager
def _skipped(what: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise SkippedError(f"{what}: {error.what}") from error


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (DATABASE, *values)}
    os.environ.pop(DATABASE, None)
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


_SETTINGS = """
[newsroom]
name = "The Harbour Letter"
postal_address = "1 Harbour Row"
from_address = "letter@harbour.example"
[lists.daily]
title = "The Daily"
"""

# In SQL, so that a million readers are there within seconds. One in eight has a name that needs escaping.
_PEOPLE = text("""
    INSERT INTO subscriber (address, address_key, domain, name, created_at)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
    SELECT 'reader.' || i || '@mail' || (i % 50) || '.example', 'reader.' || i || '@mail' || (i % 50) || '.example',
           'mail' || (i % 50) || '.example',
           CASE i % 8 WHEN 0 THEN '' WHEN 1 THEN 'Jón Þórsson' WHEN 2 THEN 'Ilse Varga' WHEN 3 THEN 'Tomas O’Reith'
                      WHEN 4 THEN 'Mira de la Cruz' WHEN 5 THEN '李小龍' ELSE 'Ada Reader ' || i END,
           :now
    FROM n
""").bindparams(bindparam("now", type_=Instant))
_CONSENTS = text("""
    INSERT INTO subscription (list_id, subscriber_id, status, consent_text, consent_source, consent_at, changed_at)
    SELECT :list, id, 'subscribed', 'invented', 'a benchmark', :now, :now FROM subscriber ORDER BY id
""").bindparams(bindparam("now", type_=Instant))


def people(store: Store, count: int) -> None:
    """So many invented readers of the list `daily`."""
    target, now = lists.require(store, "daily"), system_clock()
    with store.writing() as connection:
        connection.execute(_PEOPLE, {"count": count, "now": now})
        connection.execute(_CONSENTS, {"list": target.id, "now": now})
    # As a list that has been there for a while: its server knows its size.
    with store.writing() as connection:
        connection.execute(text("ANALYZE"))


def start_mailing(store: Store, edition: Edition, *, day: int = 23) -> Mailing:
    """A mailing of that day that has been started and not frozen."""
    now = system_clock()
    order = mailings.Order(
        issue=f"2026-11-{day}-bench",
        edition=edition,
        target=lists.require(store, "daily"),
        local_date=date(2026, 11, day),
        not_later_than=now + timedelta(hours=6),
        actor="a benchmark",
    )
    made = mailings.create(store, order, now=now)
    return mailings.move(store, made, made.start(now))


def ended(store: Store, made: Mailing) -> bool:
    """Whether the mailing has come to its end."""
    return mailings.get(store, made.id).ended


def wait_for_end(store: Store, made: Mailing) -> None:
    """Wait until it has."""
    until = time.monotonic() + PATIENCE
    while not ended(store, made):
        if time.monotonic() > until:
            raise SystemExit("the mailing does not come to its end")
        time.sleep(0.02)


def long_edition() -> Edition:
    """What is sent: a long day's e-mail."""
    return long_issue()[2]


@dataclass(kw_only=True, slots=True)
class Process:
    """A process that is measured."""

    popen: subprocess.Popen[bytes]
    started: float
    said: list[bytes] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        command: list[str],
        folder: Path,
        environ: Mapping[str, str],
        *,
        ready: bytes | None = None,
        out: IO[bytes] | None = None,
    ) -> Process:
        """Start it; where it says on stderr when it is ready, on return it is."""
        started = time.perf_counter()
        popen = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environ}, stdout=out or subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        made = cls(popen=popen, started=started)
        while ready is not None and not (made.said and ready in made.said[-1]):
            made.said.append(made._errors().readline())
            if not made.said[-1]:
                raise SystemExit(b"".join(made.said).decode())
        return made

    def stop(self) -> None:
        """Ask it to leave."""
        # Not `send_signal`: that reaps a process which has left by itself, and what it used is not told any more.
        os.kill(self.popen.pid, signal.SIGTERM)

    def wait(self) -> Ran:
        """Wait for its end.

        Raises:
            SystemExit: it failed.
        """
        said = b"".join(self.said) + self._errors().read()
        _, status, usage = os.wait4(self.popen.pid, 0)
        seconds = time.perf_counter() - self.started
        self._errors().close()
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        if self.popen.returncode not in {0, -signal.SIGTERM}:
            raise SystemExit(said.decode())
        return Ran(
            seconds=seconds, cpu_seconds=usage.ru_utime + usage.ru_stime, peak_megabytes=usage.ru_maxrss * 1024 / 1e6
        )

    def _errors(self) -> IO[bytes]:
        if self.popen.stderr is None:
            raise RuntimeError("its stderr is a pipe")
        return self.popen.stderr


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float


class Probe:
    """Another writer, all along: it changes one reader and commits, again and again. A context manager."""

    def __init__(self, store: Store, *, pause: float = 0.01) -> None:
        self._store, self._pause = store, pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.waits: list[float] = []

    @property
    def longest(self) -> float:
        """Milliseconds that its longest transaction took, waiting and committing."""
        return max(self.waits, default=0.0) * 1000

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _write(self) -> None:
        reader = select(tables.subscriber.c.id).limit(1).scalar_subquery()
        changed = update(tables.subscriber).where(tables.subscriber.c.id == reader).values(language="en")
        while not self._done.is_set():
            begun = time.perf_counter()
            with suppress(InputError), self._store.writing() as connection:
                connection.execute(changed)
            self.waits.append(time.perf_counter() - begun)
            self._done.wait(self._pause)
