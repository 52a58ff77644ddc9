"""The commands of the README's five minutes and of the tutorial work as they are written.

They run in a copy's place, one shell for all of them, as a reader types them. Only the ports are other ones, so that
nothing of this machine is in the way; whoever types waits for the inbox, and so does the shell here.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WAIT = f"""{sys.executable} - "$MAIL_PORT" <<'PYTHON'
import socket, sys, time
for _ in range(300):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=1).close()
        break
    except OSError:
        time.sleep(0.05)
PYTHON
"""
OTHER_PORTS = (
    'sed -i.ports "s/^port = 2525/port = $MAIL_PORT/; s/localhost:8025/localhost:$WEB_PORT/" newsletter.toml\n'
)


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def script_of(page: Path, heading: str | None) -> str:
    """The shell blocks of a page, or of one of its sections, in order."""
    text = page.read_text(encoding="utf-8")
    if heading:
        text = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    blocks = BLOCK.findall(text)
    assert len(blocks) > 3
    return "\n".join(map(_prepared, blocks))


def _prepared(block: str) -> str:
    if "newsletter init" in block:
        return block + OTHER_PORTS
    return block + WAIT if block.rstrip().endswith("&") else block


def run(script: str, checkout: Path) -> subprocess.CompletedProcess[str]:
    mail, web = free_ports(2)
    known = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{known['PATH']}"
    settings = {**known, "PATH": path, "MAIL_PORT": str(mail), "WEB_PORT": str(web), "NO_COLOR": "1"}
    command = ["sh", "-eu", "-c", f"trap 'kill $! 2>/dev/null' EXIT\n{script}\nwait\ntrap - EXIT"]
    return subprocess.run(command, cwd=checkout, env=settings, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout's folder with the sample issues; what the commands make beside it is in the temporary folder too."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "issues").symlink_to(ROOT / "issues")
    return folder


def test_the_readmes_five_minutes_work(checkout: Path) -> None:
    answer = run(script_of(ROOT / "README.md", "The first issue in five minutes"), checkout)
    assert answer.returncode == 0, answer.stderr
    assert "“Should the night ferry come back?” goes to 2 of 2 on daily" in answer.stdout
    assert answer.stdout.count("2 prepared = 2 accepted") == 2  # sent, and the report asked for again
    assert "0 blocking and" in answer.stdout


def test_the_tutorial_works(checkout: Path) -> None:
    answer = run(script_of(ROOT / "docs" / "tutorial.md", None), checkout)
    assert answer.returncode == 0, answer.stderr
    quoted = re.findall(
        r"^```\n(plums\.txt:.*)\n```$", (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert quoted
    assert all(line in answer.stderr for line in quoted)
    assert "0 blocking and 0 other findings" in answer.stdout
    assert "2 prepared = 2 accepted" in answer.stdout
    digests = re.findall(r"^[0-9a-f]{64}$", answer.stdout, re.MULTILINE)
    assert len(set(digests)) == 3  # as composed, with a subject of its own, with another one
