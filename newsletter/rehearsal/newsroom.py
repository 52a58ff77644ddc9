"""A whole newsroom in a folder of its own, to be thrown away: for the demo and for rehearsals."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import tomlkit

from newsletter import settings as newsroom_settings
from newsletter.checks.registry import RULES
from newsletter.findings import Severity
from newsletter.issues import Issue, decide_sides, load, newsroom_outlets, prepare
from newsletter.issues.naming import ISSUE_FILE
from newsletter.settings import FILE_NAME, Settings, defaults

LIST = "daily"
SAMPLE = "should-the-night-ferry-come-back"
_FALLBACK_SIDE = "other"


def lay_rehearsal(folder: Path, *, smtp_port: int, url: str) -> Settings:
    """Make the newsroom in `folder`: the packaged example, with its mail going to this machine's `smtp_port`."""
    for name in ("outlets.toml", FILE_NAME):
        shutil.copyfile(defaults() / name, folder / name)
    document = tomlkit.parse((folder / FILE_NAME).read_text(encoding="utf-8"))
    document["sender"].update({"host": "127.0.0.1", "port": smtp_port, "security": "none", "username": ""})
    document["newsroom"].update({"url": url})
    # Any roundup at all can be rehearsed with: the invented editor answers for whatever blocks it.
    errors = sorted(rule.code for rule in RULES.values() if rule.severity is Severity.ERROR)
    document.setdefault("checks", tomlkit.table())["waivable"] = errors
    (folder / FILE_NAME).write_text(tomlkit.dumps(document), encoding="utf-8")
    (folder / "issues").mkdir()
    return newsroom_settings.load(folder)


def sample_issue(settings: Settings, today: date) -> Issue:
    """The sample issue about the ferry, dated today."""
    source = next((defaults() / "issues").glob(f"*-{SAMPLE}"))
    slug = f"{today.isoformat()}-{SAMPLE}"
    target = settings.issues / slug
    shutil.copytree(source, target)
    document = tomlkit.parse((target / ISSUE_FILE).read_text(encoding="utf-8"))
    document["date"] = today
    (target / ISSUE_FILE).write_text(tomlkit.dumps(document), encoding="utf-8")
    return load(settings, slug, outlets=newsroom_outlets(settings))


def issue_from(settings: Settings, file: Path, today: date) -> Issue:
    """An issue from any roundup file. The invented editor takes the suggested sides, and `other` where there is none.

    Raises:
        InputError: the file is no roundup.
    """
    slug = prepare(settings, [file], date=today, title=None, today=today).write().name
    undecided = load(settings, slug, outlets=newsroom_outlets(settings)).undecided
    sides = {quote.id: quote.suggestion.lean.value if quote.suggestion else _FALLBACK_SIDE for quote in undecided}
    decide_sides(settings, slug, dict(sides))
    return load(settings, slug, outlets=newsroom_outlets(settings))
