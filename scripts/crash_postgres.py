"""A PostgreSQL cluster of its own on loopback, thrown away at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Gives the URL of an empty database. Started as the user postgres where this one is root, who may not."""
    binaries = _binaries()
    data, user = folder / "postgres", _user()
    data.mkdir(mode=0o700)
    if user:
        shutil.chown(data, user["user"], user["group"])
        folder.chmod(0o711)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": data, **user}
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"], check=True, **quiet
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c max_connections=200"
    control: list[str | Path] = [binaries / "pg_ctl", "-D", data, "-w", "-l", data / "log"]
    subprocess.run([*control, "-o", options, "start"], check=True, **quiet)
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)


def _binaries() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (str(installed[-1]) if installed else None)
    if found is None:
        raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return Path(found).parent


def _user() -> dict[str, str]:
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
