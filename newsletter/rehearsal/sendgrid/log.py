"""The provider's own log: what it really took. It judges crash tests, and nothing of ours writes it.

One line of JSON a request, appended in one write: a killed process leaves at most its last line cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One recipient of a request that was taken."""

    request: int
    address: str
    mailing: str
    delivery: str
    attempt: str


class Log:
    """Appends to a file; threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, request: int, status: str, personalizations: list[dict[str, Any]]) -> None:
        """One request: `status` is `taken`, `refused`, `sandbox` or an ill that took nothing."""
        rows = [_row(one) for one in personalizations] if status == "taken" else []
        line = json.dumps({"request": request, "status": status, "count": len(personalizations), "taken": rows})
        os.write(self._file, line.encode() + b"\n")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def read_log(path: Path) -> Iterator[Taken]:
    """Every recipient of every request that was taken, in order; nothing where there is no log."""
    if not path.is_file():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                entry = json.loads(line)
                for address, mailing, delivery, attempt in entry["taken"]:
                    yield Taken(
                        request=entry["request"], address=address, mailing=mailing, delivery=delivery, attempt=attempt
                    )


def _row(personalization: dict[str, Any]) -> tuple[str, str, str, str]:
    arguments = personalization.get("custom_args", {})
    return (
        personalization["to"][0]["email"],
        arguments.get("mailing", ""),
        arguments.get("delivery", ""),
        arguments.get("attempt", ""),
    )
