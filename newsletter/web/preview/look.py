"""One look at an issue: loaded, rendered, filled in for a sample reader and checked, or the fault that stopped it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter import settings as newsroom_settings
from newsletter.checks import run
from newsletter.checks.gathering import gather
from newsletter.clock import system_clock
from newsletter.errors import NewsletterError
from newsletter.findings import Finding
from newsletter.issues import Issue, load, newsroom_outlets
from newsletter.rendering import Edition, render
from newsletter.rendering.writing import sample_files
from newsletter.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """An issue that could be rendered. `files` are those that `newsletter issue render` writes, by name."""

    issue: Issue
    settings: Settings
    edition: Edition
    files: Mapping[str, bytes]
    findings: tuple[Finding, ...]

    @property
    def html(self) -> str:
        """The HTML as the sample reader gets it."""
        return self.files["email.html"].decode()

    @property
    def text(self) -> str:
        """The plain text as the sample reader gets it."""
        return self.files["email.txt"].decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What there is to see: the issue, or the fault that stands in the way. `version` changes with any of it."""

    version: str
    shown: Shown | None = None
    fault: NewsletterError | None = None

    def require(self) -> Shown:
        """The issue.

        Raises:
            NewsletterError: it cannot be rendered.
        """
        if self.shown is None:
            raise self.fault or AssertionError("a look shows the issue or its fault")
        return self.shown


def take_look(root: Path, slug: str) -> Look:
    """The issue `slug` of the newsroom in folder `root` as it is now. A fault of its files is part of the look."""
    try:
        settings = newsroom_settings.load(root)
        outlets = newsroom_outlets(settings)
        issue = load(settings, slug, outlets=outlets)
        edition = render(issue, settings)
        # Asks nobody: links count by what is still known of them.
        subject = gather(issue, edition, settings, outlets=outlets, now=system_clock())
        shown = Shown(
            issue=issue,
            settings=settings,
            edition=edition,
            files=sample_files(edition),
            findings=run(subject),
        )
    except NewsletterError as fault:
        return Look(version=_version("fault", str(fault)), fault=fault)
    return Look(version=_version(edition.digest, repr(shown.findings)), shown=shown)


def _version(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
