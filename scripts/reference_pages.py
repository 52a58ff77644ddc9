"""Writes the pages of docs/reference that are made from the code, or tells (`--check`) which are out of date.

The same code gives the same pages on every machine: nothing in them depends on the folder, the day or the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import reference_commands
import reference_findings
import reference_settings

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("docs/reference")
MADE = "<!-- Made by scripts/reference from the code. Change the code, or scripts/reference_*.py, and run it again. -->\n\n"
PAGES: dict[str, Callable[[], str]] = {
    "commands.md": reference_commands.page,
    "settings.md": reference_settings.page,
    "findings.md": reference_findings.page,
}


def main() -> None:
    """Write the pages; with `--check` only compare them."""
    arguments = sys.argv[1:]
    if arguments not in ([], ["--check"]):
        print("usage: scripts/reference [--check]", file=sys.stderr)
        sys.exit(2)
    stale = {name: text for name, text in made().items() if written(name) != text}
    for name, text in stale.items():
        if arguments:
            print(f"{FOLDER}/{name} is out of date: run scripts/reference")
        else:
            (ROOT / FOLDER / name).write_text(text, encoding="utf-8")
            print(f"{FOLDER}/{name}: written")
    sys.exit(1 if arguments and stale else 0)


def made() -> dict[str, str]:
    """Each page's text as the code has it now."""
    return {name: MADE + page().rstrip() + "\n" for name, page in PAGES.items()}


def written(name: str) -> str | None:
    """The page's text as it stands in the folder; None where there is none."""
    path = ROOT / FOLDER / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    main()
