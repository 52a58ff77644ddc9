"""What links answered lately, in one small file: for checks that run again after each edit, and for polite ones."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from newsletter.checks.link_result import LinkResult, Verdict
from newsletter.settings import Settings

KEPT = {Verdict.OK: timedelta(hours=24), Verdict.DEAD: timedelta(hours=1), Verdict.UNVERIFIED: timedelta(minutes=10)}
"""How long a verdict holds. The others are found without asking anybody, and are never kept."""

MOST_LINKS = 20_000
"""Kept in the file, the newest: months of daily issues."""

LARGEST_FILE = 32 * 1024 * 1024
FORMAT = 1
FILE_NAME = "links.json"


class LinkCache:
    """The file at `path`, read once. What is unreadable in it is dropped; a cache is never a reason to fail."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = _read(path)

    @classmethod
    def of(cls, settings: Settings) -> LinkCache:
        """The newsroom's cache."""
        return cls(settings.data / FILE_NAME)

    def get(self, url: str, *, now: datetime) -> LinkResult | None:
        """What is known of `url` (without a fragment) and still holds."""
        known = self._known.get(url)
        return known if known is not None and _holds(known, now) else None

    def put(self, results: Iterable[LinkResult], *, now: datetime) -> None:
        """Keep `results` (by their `url`, which has no fragment) and write the file whole, or leave it as it was.

        What another process has written meanwhile stays; of two answers the newer wins.
        """
        fresh = {result.url: result for result in results if result.verdict in KEPT}
        merged = dict(self._known)
        for url, result in (*_read(self.path).items(), *fresh.items()):
            if url not in merged or merged[url].checked_at <= result.checked_at:
                merged[url] = result
        held = sorted((one for one in merged.values() if _holds(one, now)), key=lambda one: one.checked_at)
        self._known = {one.url: one for one in held[-MOST_LINKS:]}
        if fresh:
            # A full or read-only disk costs us the memory of what was asked, nothing else.
            with contextlib.suppress(OSError):
                _write(self.path, self._known.values())


def _holds(result: LinkResult, now: datetime) -> bool:
    age = now - result.checked_at
    return timedelta(0) <= age < KEPT.get(result.verdict, timedelta(0))


def _read(path: Path) -> dict[str, LinkResult]:
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(LARGEST_FILE))
        if data["format"] != FORMAT:
            return {}
        return {url: _result(url, entry) for url, entry in data["links"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _result(url: str, entry: dict[str, Any]) -> LinkResult:
    status, detail, final = entry["status"], entry["detail"], entry["final_url"]
    if not (isinstance(detail, str) and isinstance(final, str) and isinstance(status, int | None)):
        raise TypeError(url)
    checked_at = datetime.fromisoformat(entry["checked_at"])
    if checked_at.tzinfo is None:
        raise ValueError(url)
    return LinkResult(
        url=url,
        verdict=Verdict(entry["verdict"]),
        status=status,
        detail=detail,
        final_url=final,
        checked_at=checked_at.astimezone(UTC),
    )


def _write(path: Path, results: Iterable[LinkResult]) -> None:
    links = {
        result.url: {
            "verdict": result.verdict.value,
            "status": result.status,
            "detail": result.detail,
            "final_url": result.final_url,
            "checked_at": result.checked_at.isoformat(),
        }
        for result in results
    }
    data = json.dumps({"format": FORMAT, "links": links}, ensure_ascii=True, indent=0).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}-{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
