"""Tells what must not be committed: paths of one machine, addresses of package indexes, minified files.

Looks at every file that git tracks or would track; in a copy without git, at every file outside of generated folders.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATED = {".git", ".venv", "data", "build", "dist", "node_modules"}
CODE = {".js", ".mjs", ".cjs", ".css"}
# Generated code comes in lines of many thousand characters; the longest written by hand stay far below.
LONGEST_LINE = 1000

_START = r"(?<![\w.:/-])"
FORBIDDEN = (
    (
        "an absolute path of one machine",
        re.compile(_START + r"/(?:home/\w|Users/\w|root/|work/|workspace/|mnt/\w)|\bfile:///\w|\b[A-Z]:\\Users\\"),
    ),
    (
        "the address of a package index",
        re.compile(
            r"(?m)(?:^|\s)--(?:(?:extra-)?index-url|find-links)[ =]|\"(?:resolved|tarball)\":\s*\"https?:"
            r"|https?://[^\s\"']+/simple/?(?=[\s\"']|$)|https?://[^\s\"']+\.(?:whl|tgz|tar\.gz)\b"
        ),
    ),
)


def main() -> None:
    """One line a fault on stdout; exit code 1 where there is one."""
    faults = [fault for path in files() for fault in faults_of(path)]
    print("\n".join(faults) or "nothing found")
    sys.exit(1 if faults else 0)


def files() -> list[Path]:
    """The files to look at."""
    listed = _from_git()
    if listed is None:
        listed = [path for path in ROOT.rglob("*") if not _generated(path.relative_to(ROOT))]
    return sorted(path for path in listed if path.is_file() and not path.is_symlink())


def _from_git() -> list[Path] | None:
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    # A folder that only lies inside of another checkout is not that checkout.
    return [ROOT / name for name in answer.stdout.split("\0") if name] if (ROOT / ".git").exists() else None


def _generated(path: Path) -> bool:
    return any(part in GENERATED or part.endswith(("cache", "_cache__", ".egg-info")) for part in path.parts)


def faults_of(path: Path) -> list[str]:
    """What is wrong with one file, a line each; binary files are left alone."""
    name = path.relative_to(ROOT)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    faults = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match.group().strip()}"
        for what, pattern in FORBIDDEN
        for match in pattern.finditer(text)
    ]
    faults += [f"{name}: a path into this very checkout"] if str(ROOT) in text and len(ROOT.parts) > 2 else []
    return [*faults, *_minified(name, text)]


def _minified(name: Path, text: str) -> list[str]:
    if ".min." in name.name or name.suffix == ".map":
        return [f"{name}: a minified file or its map: depend on the package instead"]
    if name.suffix in CODE and any(len(line) > LONGEST_LINE for line in text.splitlines()):
        return [f"{name}: a line of over {LONGEST_LINE} characters: minified code is not kept here"]
    return []


if __name__ == "__main__":
    main()
