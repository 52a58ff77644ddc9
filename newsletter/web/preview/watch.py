"""Noticing that a file changed: by asking for its size and times, which costs a millisecond and works on every disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from newsletter.rendering.template_folder import packaged_templates
from newsletter.settings import FILE_NAME
from newsletter.web.preview.look import Look, take_look

MOST_FILES = 5_000
"""Looked at each time. A newsroom's templates and one issue are under a hundred files."""

_WRITING_SECONDS = 0.05

Fingerprint = tuple[tuple[str, int, int, int], ...]


class Watch:
    """Keeps the look at one issue up to date; threads may share it."""

    def __init__(self, root: Path, slug: str) -> None:
        self.root = root
        self.slug = slug
        self._lock = threading.Lock()
        self._seen: Fingerprint | None = None
        self._look: Look | None = None

    def look(self) -> Look:
        """The present look; it is taken anew where a file of the issue, the templates or the settings changed."""
        with self._lock:
            # Before the look: a file that changes meanwhile is noticed the next time.
            fingerprint = tuple(self._fingerprint())
            if self._look is None or fingerprint != self._seen:
                self._look = take_look(self.root, self.slug)
                if self._look.fault and self._changes(fingerprint):
                    fingerprint = tuple(self._fingerprint())
                    self._look = take_look(self.root, self.slug)
                self._seen = fingerprint
            return self._look

    def _changes(self, fingerprint: Fingerprint) -> bool:
        """Whether somebody is just writing: many programs empty a file before they fill it."""
        time.sleep(_WRITING_SECONDS)
        return tuple(self._fingerprint()) != fingerprint

    def _fingerprint(self) -> Iterator[tuple[str, int, int, int]]:
        for path in islice(self._paths(), MOST_FILES):
            try:
                about = path.stat()
            except OSError:
                continue
            yield str(path), about.st_mtime_ns, about.st_size, about.st_ino

    def _paths(self) -> Iterator[Path]:
        yield self.root / FILE_NAME
        yield self.root / "outlets.toml"
        for folder in sorted({self.root / "issues" / self.slug, self.root / "templates", packaged_templates()}):
            yield from sorted(islice(folder.rglob("*"), MOST_FILES))
