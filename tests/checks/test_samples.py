"""The issues that come with the program, in each of its templates, are what a clean issue looks like."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from newsletter import settings
from newsletter.checks import Subject, recent_issues, run
from newsletter.findings import Severity
from newsletter.issues import compose, decide_sides, load, newsroom_outlets, slugs
from newsletter.rendering import render

ROOT = Path(__file__).resolve().parents[2]
NEWSROOM = settings.load(ROOT)
OUTLETS = newsroom_outlets(NEWSROOM)
TEMPLATES = ("daily", "brief", "letter")
TODAY = date(2026, 11, 23)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("slug", slugs(NEWSROOM))
def test_the_samples_have_neither_errors_nor_warnings(slug: str, template: str) -> None:
    issue = replace(load(NEWSROOM, slug, outlets=OUTLETS), template=template)
    subject = Subject(
        issue=issue,
        edition=render(issue, NEWSROOM),
        settings=NEWSROOM,
        outlets=OUTLETS,
        recent=recent_issues(NEWSROOM, issue, outlets=OUTLETS),
        today=TODAY,
    )
    found = run(subject)
    assert not [finding for finding in found if finding.severity is not Severity.INFO]


@pytest.mark.seed
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_real_roundup_lacks_nothing_but_balance(seed_file: Path, template: str, tmp_path: Path) -> None:
    newsroom = NEWSROOM.model_copy(update={"root": tmp_path})
    day = date(2024, 6, 20)
    slug = compose(newsroom, [seed_file], date=None, title="A pact signed abroad", today=day).name
    undecided = load(newsroom, slug, outlets=OUTLETS).undecided
    decide_sides(newsroom, slug, {quote.id: quote.suggestion.lean.value for quote in undecided if quote.suggestion})
    issue = replace(load(newsroom, slug, outlets=OUTLETS), template=template)
    edition = render(issue, newsroom)
    found = run(Subject(issue=issue, edition=edition, settings=newsroom, outlets=OUTLETS, today=day))
    assert {finding.code for finding in found} <= {"BALANCE-QUOTES", "BALANCE-WORDS", "LAW-HTTPS"}
