"""The installed command as people run it: a process of its own, judged by its exit code, its two streams and the disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import re
import select
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newsletter.settings import defaults

COMMAND = Path(sys.executable).with_name("newsletter")
FERRY = "2026-11-24-should-the-night-ferry-come-back"
POSTAL = 'postal_address = "4 Quay Street, Port Alder"'

# Everything that could make one machine's answers differ from another's.
_LEFT_OUT = ("NEWSLETTER_", "PYTHON", "LC_", "LANG", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTEST", "COVERAGE")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}

_FAULT = re.compile(r"(?:(?P<where>.+): )?error: (?P<what>.+)\n  (?P<remedy>.+[.?!])\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a run of the command left."""

    code: int
    out: str
    err: str

    def refuses(self, *words: str, code: int = 2) -> None:
        """Exactly one error: what, where, what to do; nothing on stdout; every one of `words` in it."""
        assert (self.code, self.out) == (code, ""), self
        assert _FAULT.fullmatch(self.err), self.err
        for word in words:
            assert word in self.err, self.err


def run(*arguments: str | Path, cwd: Path, environ: Mapping[str, str] | None = None, **options: Any) -> Answer:
    """Run `newsletter` in the folder `cwd`, with nobody at the keyboard."""
    done = subprocess.run(
        [*options.pop("through", ()), COMMAND, *arguments],
        cwd=cwd,
        env={**ENVIRON, **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
        check=False,
        **options,
    )
    answer = Answer(code=done.returncode, out=done.stdout or "", err=done.stderr)
    assert "Traceback" not in answer.err, answer.err
    return answer


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder below, with its mode and what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        holds = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
        found[str(path.relative_to(folder))] = (mode, holds)
    return found


@dataclass(frozen=True, slots=True)
class Newsroom:
    """A newsroom's folder to run commands in."""

    root: Path

    def run(self, *arguments: str | Path, **options: Any) -> Answer:
        return run(*arguments, cwd=self.root, **options)

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.put(name, text.replace(old, new, 1))

    def tree(self) -> dict[str, tuple[int, str]]:
        return tree(self.root)


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newsroom as `newsletter init` lays it down, that may send, and the sample issues. Copy it, never change it."""
    folder = tmp_path_factory.mktemp("laid") / "harbour"
    assert run("init", folder, cwd=folder.parent).code == 0
    for issue in (defaults() / "issues").iterdir():
        if issue.is_dir():
            shutil.copytree(issue, folder / "issues" / issue.name)
    settings = (folder / "newsletter.toml").read_text(encoding="utf-8")
    settings = settings.replace('postal_address = ""', POSTAL)
    # Signing an edition off has tests of its own.
    settings, found = re.subn(r"tested = true.*\nneeded = 1.*\n", "tested = false\nneeded = 0\n", settings)
    assert found == 1
    Newsroom(folder).put("newsletter.toml", settings)
    return folder


@pytest.fixture
def newsroom(laid: Path, tmp_path: Path) -> Newsroom:
    """A newsroom of the test's own, without a database."""
    return Newsroom(shutil.copytree(laid, tmp_path / "harbour"))


@pytest.fixture(scope="session")
def peopled(laid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with three readers on the list `daily`. Copy it, never change it."""
    folder = shutil.copytree(laid, tmp_path_factory.mktemp("peopled") / "harbour")
    readers = folder / "readers.csv"
    readers.write_text("email,name\nann@reader.example,Ann\nbob@reader.example,Bob\ncyd@reader.example,\n", "utf-8")
    assert run("subscriber", "import", readers, "--list", "daily", "--yes", cwd=folder).code == 0
    return folder


@pytest.fixture
def with_readers(peopled: Path, tmp_path: Path) -> Newsroom:
    """A newsroom of the test's own, with three readers on the list `daily`."""
    return Newsroom(shutil.copytree(peopled, tmp_path / "harbour"))


DROP_OVERRIDE = """
import ctypes, os, sys
for capability in (1, 2) if os.geteuid() == 0 else ():  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def as_anybody() -> dict[str, tuple[str, ...]]:
    """Options for `run` that make permissions count also where the tests are root's."""
    return {"through": (sys.executable, "-c", DROP_OVERRIDE)}


@pytest.fixture
def nowhere(tmp_path: Path) -> Newsroom:
    """An empty folder, which is no newsroom."""
    folder = tmp_path / "nowhere"
    folder.mkdir()
    return Newsroom(folder)


AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches the command
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """The command with a person at it: stdin and stderr are one terminal, stdout is kept apart."""

    def __init__(self, newsroom: Newsroom, *arguments: str, **environ: str) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, COMMAND, *arguments],
            cwd=newsroom.root,
            env={**ENVIRON, "TERM": "xterm", **environ},
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
            start_new_session=True,
            encoding="utf-8",
        )
        os.close(theirs)

    def waits_for(self, words: str) -> None:
        """Read what is shown until these words are there."""
        give_up = time.monotonic() + 20
        while words not in self.shown:
            ready, _, _ = select.select([self._ours], [], [], max(0, give_up - time.monotonic()))
            assert ready, f"never shown: {words!r}; shown: {self.shown}"
            self._read()

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def ends(self) -> Answer:
        """Wait for the end. `err` is all that the terminal showed."""
        out, _ = self._process.communicate(timeout=20)
        with contextlib.suppress(OSError):  # the other side is closed
            while select.select([self._ours], [], [], 0)[0]:
                self._read()
        assert "Traceback" not in self.shown, self.shown
        return Answer(code=self._process.returncode, out=out, err=self.shown)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        os.close(self._ours)

    def _read(self) -> None:
        came = os.read(self._ours, 65536)
        assert came, self.shown
        self.shown += came.decode(errors="replace")


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts the command at a terminal; ended with the test."""
    started: list[Terminal] = []

    def start(newsroom: Newsroom, *arguments: str, **environ: str) -> Terminal:
        started.append(Terminal(newsroom, *arguments, **environ))
        return started[-1]

    yield start
    for each in started:
        each.close()
