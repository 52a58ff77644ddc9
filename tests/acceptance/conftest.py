"""The installed command with real servers, as a newsroom uses it from the first file to the last report."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsletter.settings import defaults

COMMAND = Path(sys.executable).with_name("newsletter")
_LEFT_OUT = ("NEWSLETTER_", "PYTHON", "LC_", "LANG", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}


class Command:
    """Starts `newsletter`, and ends what is left of it."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path, cwd: Path, **environ: str) -> subprocess.Popen[str]:
        """Start it, and go on."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=cwd,
            env={**ENVIRON, **environ},
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            encoding="utf-8",
        )
        self._started.append(process)
        return process

    def run(self, *arguments: str | Path, cwd: Path, code: int = 0, **environ: str) -> str:
        """Run it to its end, which must be with `code`; gives what stands on stdout."""
        process = self.start(*arguments, cwd=cwd, **environ)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == code, errors
        assert "Traceback" not in errors, errors
        return out

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def newsletter() -> Iterator[Command]:
    command = Command()
    yield command
    command.end()


def lay(command: Command, folder: Path, **changes: Any) -> Path:
    """A newsroom in `folder` that may send, with the sample issues; `changes` go into its settings' plain lines."""
    command.run("init", folder, cwd=folder.parent)
    file = folder / "newsletter.toml"
    text = file.read_text(encoding="utf-8")
    # Signing an edition off has tests of its own; these are about what is rendered and sent.
    unsigned = {"tested": "false", "needed": "0"}
    for key, value in {"postal_address": '"4 Quay Street"', **unsigned, **changes}.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    file.write_text(text, encoding="utf-8")
    for issue in (defaults() / "issues").iterdir():
        if issue.is_dir():
            shutil.copytree(issue, folder / "issues" / issue.name)
    return folder


@pytest.fixture(scope="module")
def lay_newsroom(newsletter: Command) -> Callable[..., Path]:
    """Lays a newsroom down: `lay_newsroom(folder, port=2525)`."""
    return lambda folder, **changes: lay(newsletter, folder, **changes)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives a port that nobody listens on."""
    return _free_port


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits until a condition holds."""

    def wait(condition: Callable[[], object], *, seconds: float = 20) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, "it never came to that"
            time.sleep(0.005)

    return wait
