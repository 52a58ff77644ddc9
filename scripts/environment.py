"""Makes sure that the virtual environment exists and holds exactly what a lock file pins; prints its folder on stdout.

Called by environment.sh with the name of the command, the lock wanted (`run` or `dev`) and the Python found. It uses
the standard library only. What it does it says on stderr, one line each; where nothing changed it says nothing and is
done in milliseconds. The file `newsletter-state.json` inside the environment tells what was installed: it says `ready`
only when everything was, so an environment that was left half made is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
STATE = "newsletter-state.json"
PLACE = {"venv", "root", "python"}
BROKEN = 3


def main() -> None:
    """Print the environment's folder, after making or mending it where need be."""
    command, lock, python = sys.argv[1:]
    venv = find(dict(os.environ))
    if not ready(venv, lock, python):
        # The lock is a file of the checkout that nobody rewrites; the system lets go of it when this process ends.
        with Path(__file__).open("rb") as turn:
            wait_for(turn.fileno(), command)
            if not ready(venv, lock, python):
                prepare(command, venv, lock, python)
    print(venv)


def find(environ: dict[str, str]) -> Path:
    """The folder of the environment to use; it may not exist yet."""
    if named := environ.get("NEWSLETTER_VENV"):
        return Path(named).absolute()
    default = ROOT / ".venv"
    active = environ.get("VIRTUAL_ENV")
    if active and not default.exists() and read_state(Path(active)).get("root") == str(ROOT):
        return Path(active).absolute()
    return default


def ready(venv: Path, lock: str, python: str) -> bool:
    """Whether everything of the lock is installed. An environment for development has all that running needs, too."""
    state = read_state(venv)
    kind = state.get("kind")
    if kind not in {lock, "dev"} or state.get("ready") is not True or outdated(state, wanted(venv, kind)):
        return False
    # Its own Python is reading this, so it starts; where another had to be found, it may not.
    return Path(python).absolute() == Path(python_of(venv)) or starts(venv)


def wanted(venv: Path, kind: str) -> dict[str, str]:
    """What the state must say: the digests of all that decides what is installed, and the place it is installed for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    build = project.get("tool", {}).get("hatch", {})
    packaging = json.dumps([project["build-system"], project["project"], build], sort_keys=True)
    return {
        "kind": kind,
        "lock": hashlib.sha256(lock_file(kind).read_bytes()).hexdigest(),
        "project": hashlib.sha256(packaging.encode()).hexdigest(),
        # Installed commands name their interpreter by its absolute path: a moved or copied environment is no good.
        "venv": str(venv),
        "root": str(ROOT),
        "python": "{}.{}".format(*sys.version_info),
    }


def outdated(state: dict[str, Any], goal: dict[str, str]) -> set[str]:
    """The names of what is not as it should be."""
    return {name for name, value in goal.items() if state.get(name) != value}


def lock_file(kind: str) -> Path:
    """The lock that says what an environment of this kind holds."""
    return ROOT / "requirements" / f"{kind}.lock"


def read_state(venv: Path) -> dict[str, Any]:
    """What the environment says of itself; nothing where it says nothing, or nothing readable."""
    try:
        state = json.loads((venv / STATE).read_bytes())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(venv: Path, state: dict[str, Any]) -> None:
    """Record the state in one step."""
    unfinished = venv / f"{STATE}.new"
    unfinished.write_text(json.dumps(state, indent=1), encoding="utf-8")
    unfinished.replace(venv / STATE)


def wait_for(turn: int, command: str) -> None:
    """Take the turn to change the environment, after whoever has it."""
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(command, "another command is setting up the environment; waiting for it")
        fcntl.flock(turn, fcntl.LOCK_EX)


def prepare(command: str, venv: Path, lock: str, python: str) -> None:
    """Make or mend the environment and install the lock's packages and this project into it."""
    state = read_state(venv)
    ours = venv == ROOT / ".venv" or state.get("made") is True
    spoilt = bool(state) and (state.get("ready") is not True or bool(outdated(state, wanted(venv, lock)) & PLACE))
    if not starts(venv) or (spoilt and ours):
        make(command, venv, python, ours=ours)
        state, ours, spoilt = {}, True, False
    kind = "dev" if state.get("kind") == "dev" else lock
    goal = wanted(venv, kind)
    if not state or spoilt or outdated(state, goal) - {"project"}:
        write_state(venv, {**goal, "made": ours, "ready": False})
        install_lock(command, venv, kind, again=spoilt)
    say(command, "installing this project into it")
    pip(command, venv, "--no-index", "--no-build-isolation", "--no-deps", "--editable", str(ROOT))
    write_state(venv, {**goal, "made": ours, "ready": True})


def starts(venv: Path) -> bool:
    """Whether the environment's Python starts, is recent enough, and can install."""
    try:
        return run([python_of(venv), "-I", "-c", "import pip, tomllib"], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make(command: str, venv: Path, python: str, *, ours: bool) -> None:
    """Make the environment, over what is left of an earlier one; never over anything else."""
    if not (ours or not venv.exists() or (venv / "pyvenv.cfg").exists() or not any(venv.iterdir())):
        give_up(command, f"{venv} is no virtual environment: empty it, or let NEWSLETTER_VENV name another folder")
    say(command, f"making the virtual environment {shown(venv)}")
    # The interpreter inside of what gets cleared cannot do the clearing.
    base = getattr(sys, "_base_executable", None) or python
    if run([base, "-I", "-m", "venv", "--clear", str(venv)]) != 0:
        give_up(command, f"the virtual environment {shown(venv)} could not be made: Python's reason stands above")


def install_lock(command: str, venv: Path, kind: str, *, again: bool) -> None:
    """Install what the lock pins, and nothing else: every file must have one of the hashes that stand in it.

    Where an earlier run was cut off, what looks installed need not be whole: `again` installs all of it anew.
    """
    file = lock_file(kind)
    count = sum(line[:1].isalpha() for line in file.read_text(encoding="utf-8").splitlines())
    say(command, f"installing up to {count} pinned packages from {shown(file)} (a minute or so the first time)")
    started = time.monotonic()
    anew = ["--force-reinstall"] if again else []
    pip(command, venv, "--require-hashes", "--no-deps", *anew, "--requirement", str(file))
    say(command, f"installed in {time.monotonic() - started:.0f} s")


def pip(command: str, venv: Path, *arguments: str) -> None:
    """Install with the environment's pip and the user's settings of it (index, proxy, certificates)."""
    if run([python_of(venv), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]) != 0:
        give_up(command, "pip could not install that: its reason stands above. Run this again once it is settled")


def run(arguments: list[str], stderr: int | None = None) -> int:
    """The exit code of a command that asks nothing and whose output goes to our stderr."""
    # The user's settings of pip hold (index, proxy, certificates) but for those that would install elsewhere.
    elsewhere = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}
    environ = {key: value for key, value in os.environ.items() if key not in elsewhere} | {"PIP_USER": "0"}
    quiet = subprocess.DEVNULL
    return subprocess.run(arguments, check=False, stdin=quiet, stdout=sys.stderr, stderr=stderr, env=environ).returncode


def python_of(venv: Path) -> str:
    """The environment's interpreter."""
    return str(venv / "bin" / "python")


def shown(path: Path) -> str:
    """The path as people read it: from the checkout's folder where it is inside."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def say(command: str, words: str) -> None:
    """One line on stderr."""
    print(f"{command}: {words}", file=sys.stderr, flush=True)


def give_up(command: str, words: str) -> NoReturn:
    """End with a message."""
    say(command, words)
    sys.exit(BROKEN)


if __name__ == "__main__":
    main()
