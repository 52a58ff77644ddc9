"""Writes the lock files from pyproject.toml, or tells (`--check`, without the network) whether they are still in step.

`requirements/dev.lock` holds everything, `requirements/run.lock` what running needs: the same versions, a part of them.
Both serve every Python from 3.11 and every platform, hold the hashes of all files of a version, and name no index.
The first line of each holds a digest of the tables they were made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("requirements")
GROUPS = {"dev": ("build", "dev"), "run": ("build",)}
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def main() -> None:
    """`--check`, or options that go to uv (`--upgrade`)."""
    os.chdir(ROOT)
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(faults()) or None)
    uv = find_uv()
    for kind in ("dev", "run"):  # in this order: the second is held to the versions of the first
        write(uv, kind, sys.argv[1:])
    sys.exit("\n".join(faults()) or None)


def faults() -> list[str]:
    """What is wrong with the lock files, a line each."""
    found = [fault for kind in GROUPS for fault in faults_of(kind)]
    if not found:
        missing = pins("run").items() - pins("dev").items()
        found += [f"{FOLDER}/dev.lock lacks {name}=={version} of run.lock" for name, version in sorted(missing)]
    return [f"{fault}: run scripts/lock" for fault in found]


def faults_of(kind: str) -> list[str]:
    """What is wrong with one lock file."""
    file = FOLDER / f"{kind}.lock"
    if not file.is_file():
        return [f"{file} is missing"]
    text = file.read_text(encoding="utf-8")
    if not text.startswith(header(kind)):
        return [f"{file} was made from other dependencies than pyproject.toml names now"]
    entries = text.replace("\\\n", " ").splitlines()
    bare = [entry.split()[0] for entry in entries if entry[:1].isalnum() and "--hash=sha256:" not in entry]
    odd = [entry for entry in entries if entry.strip() and not entry.startswith("#") and not PIN.match(entry)]
    return [f"{file} has no hash for {name}" for name in bare] + [f"{file} holds no pin in {entry!r}" for entry in odd]


def header(kind: str) -> str:
    """The comment that a lock begins with: what it was made from."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    needs = [
        project["project"]["dependencies"],
        project["project"]["requires-python"],
        project["build-system"]["requires"],
    ]
    groups = [project["dependency-groups"][group] for group in GROUPS[kind]]
    digest = hashlib.sha256(json.dumps([needs, groups]).encode()).hexdigest()
    return f"# dependencies sha256:{digest}\n# Made by scripts/lock; not to be edited.\n"


def pins(kind: str) -> dict[str, str]:
    """Name and version of each package in a lock."""
    return dict(PIN.findall((FOLDER / f"{kind}.lock").read_text(encoding="utf-8")))


def find_uv() -> str:
    """The resolver: the one of this environment, or one on the path; installed where there is none."""
    here = Path(sys.executable).parent
    if uv := shutil.which("uv", path=f"{here}{os.pathsep}{os.environ['PATH']}"):
        return uv
    print("scripts/lock: installing uv, which resolves versions", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=True, stdout=sys.stderr)
    return str(here / "uv")


def write(uv: str, kind: str, options: list[str]) -> None:
    """Write one lock, keeping the pins of the present one that still fit."""
    file, unfinished = FOLDER / f"{kind}.lock", FOLDER / f"{kind}.lock.new"
    FOLDER.mkdir(exist_ok=True)
    if file.exists():
        shutil.copyfile(file, unfinished)
    command = [uv, "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-config", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate", "--quiet"]
    command += [part for group in GROUPS[kind] for part in ("--group", group)]
    command += ["--constraint", str(FOLDER / "dev.lock")] if kind == "run" else []
    try:
        # Without the user's own indexes: only what the public index offers may be pinned.
        environ = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
        subprocess.run([*command, *options, "--output-file", str(unfinished)], check=True, env=environ)
        unfinished.write_text(header(kind) + unfinished.read_text(encoding="utf-8"), encoding="utf-8")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    print(f"scripts/lock: {file}: {len(pins(kind))} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
