"""A PostgreSQL server of one's own, on loopback and thrown away at the end: for tests, crash tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from newsletter.errors import InputError

_PATIENCE = 60.0
"""Seconds that a start or a stop may take; on an idle machine both take less than half a second."""

_LONGEST_SOCKET = 90
"""Of the 108 characters that a socket's path may have, what is left beside `/.s.PGSQL.65535`."""

_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # What is committed is in the system's hands and outlives the death of every process, though not a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_DURABLE = ("fsync", "full_page_writes")


def find_binaries() -> Path | None:
    """The folder with `postgres` and `initdb`: on PATH, or where Debian keeps it, the newest version; None if nowhere."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = sorted(installed, key=lambda path: [int(part) for part in path.parts[4].split(".") if part.isdigit()])
    found = shutil.which("postgres") or (str(newest[-1]) if newest else None)
    return Path(found).resolve().parent if found else None


class Cluster:
    """One server with its data, not started yet.

    Args:
        folder: an empty folder, or one with the data of an earlier `Cluster`. Its path is short: sockets are made in it.
        durable: whether commits outlive a power cut, as on a real server; without it they come about ten times as fast.

    Raises:
        InputError: PostgreSQL is not installed, or cannot use the folder.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise InputError("PostgreSQL is not installed", remedy="Install it (Debian: apt-get install postgresql)")
        if len(str(folder)) > _LONGEST_SOCKET:
            raise InputError(
                "this path is too long for a socket", where=str(folder), remedy="Set TMPDIR to a short one"
            )
        self._binaries, self._folder, self._data = binaries, folder, folder / "data"
        self._user = _server_user()
        self._options = {name: value for name, value in _OPTIONS.items() if not (durable and name in _DURABLE)}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def url(self) -> str:
        """The URL of the server's first database, for its superuser; it asks for no password."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._folder / "log"

    @property
    def pid(self) -> int | None:
        """The server's process number; None while it does not run."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Self:
        """Start the server, making its data first where there is none; it answers when this returns.

        It stays in the process group of its caller, so that whoever ends the group ends the server, too.
        """
        if not (self._data / "PG_VERSION").exists():
            self._make_data()
        settings = {**self._options, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = self._popen(command, log.fileno())
        self._wait_until_it_answers()
        return self

    def stop(self, *, kill: bool = False) -> None:
        """Stop the server: it throws its clients out. `kill`: at once, as in a crash, to recover at the next start."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT if kill else signal.SIGINT)
        self._process.wait(_PATIENCE)
        self._process = None

    def _make_data(self) -> None:
        if self._user is not None:
            _let_in(self._folder, self._user)
        self._data.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(self._data, self._user.pw_uid, self._user.pw_gid)
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        command = [str(self._binaries / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust"]
        command += ["-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        with self.log.open("ab") as log:
            code = self._popen(command, log.fileno()).wait(_PATIENCE)
        if code != 0:
            raise self._failed("initdb failed")

    def _popen(self, command: list[str], log: int) -> subprocess.Popen[bytes]:
        user, group = (self._user.pw_uid, self._user.pw_gid) if self._user is not None else (None, None)
        # Nothing of this process's settings for clients (PGPORT, PGHOST) may reach the server.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
        return subprocess.Popen(  # noqa: S603 - the binaries of the installed server
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self._data,
            env=environ,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )

    def _wait_until_it_answers(self) -> None:
        # The last line of this file is the state; the server writes it before it is reachable by a client.
        state, until = self._data / "postmaster.pid", time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                raise self._failed("the server ended at once")
            lines = state.read_text(encoding="ascii").splitlines() if state.exists() else []
            if lines[:1] == [str(self._process.pid)] and lines[-1].strip() == "ready":
                return
            time.sleep(0.01)
        raise self._failed("the server does not answer")

    def _failed(self, what: str) -> InputError:
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        return InputError(f"{what}: {' / '.join(said)}", where=str(self._folder), remedy="See its log")


@contextmanager
def cluster(folder: Path | None = None, *, durable: bool = False) -> Iterator[Cluster]:
    """A running server with an empty database, gone with all its data at the end.

    Args:
        folder: an empty folder with a short path; by default a temporary one.
        durable: as for `Cluster`.

    Raises:
        InputError: PostgreSQL is not installed, or cannot be started here.
    """
    own = None if folder is not None else tempfile.mkdtemp(prefix="pg-")
    place = folder if folder is not None else Path(str(own))
    try:
        server = Cluster(place, durable=durable)
        try:
            yield server.start()
        finally:
            server.stop(kill=True)
    finally:
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)


def _server_user() -> pwd.struct_passwd | None:
    """Whom the server runs as where this process is root, which it refuses; None: as this process's user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise InputError("PostgreSQL does not run as root, and there is no other user", remedy="Make a user `postgres`")


def _let_in(folder: Path, user: pwd.struct_passwd) -> None:
    """See that the user may come to the folder.

    Raises:
        InputError: a folder above it is closed to the user.
    """
    for above in folder.resolve().parents:
        found = above.stat()
        if found.st_uid != user.pw_uid and not found.st_mode & stat.S_IXOTH:
            raise InputError(
                f"the user {user.pw_name}, who runs the server, may not pass this folder",
                where=str(above),
                remedy="Let others pass it (chmod o+x), or set TMPDIR to a folder like /tmp",
            )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
