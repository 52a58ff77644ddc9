"""What the judges look at: every template, on the sample issues and on the real roundup where it is at hand; notices."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter.issues import Issue, compose, decide_sides, load, newsroom_outlets
from newsletter.rendering import NOTICES, PASSES, MailingHeaders, Notice, compile_message, fill_body, render
from newsletter.rendering.notice_edition import notice_work
from newsletter.rendering.passes import Work, run_passes
from newsletter.rendering.template_folder import open_template
from newsletter.rendering.writing import SAMPLE
from newsletter.settings import Settings
from newsletter.settings import load as load_settings

ROOT = Path(__file__).parents[2]
SEED = ROOT.parent / "shared" / "seeds" / "roundup-2024-06-20.txt"
TEMPLATES = ("daily", "brief", "letter")
TITLE = "The Harbour Letter, every weekday"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One issue in one template: what the judges are handed."""

    name: str
    template: str
    html: str
    mjml: str
    message: bytes


def _judged(issue: Issue, settings: Settings, template: str) -> Judged:
    issue = replace(issue, template=template)
    work = Work(issue=issue, settings=settings, template=open_template(settings, template))
    for step in PASSES[:3]:
        work = step.run(work)
    edition = render(issue, settings)
    headers = MailingHeaders(
        message_id_prefix="m7",
        message_id_domain="harbour-letter.example",
        date=datetime.now(UTC),
        list_name="daily",
        list_title=TITLE,
    )
    return Judged(
        name=f"{template} {issue.slug}",
        template=template,
        html=fill_body(edition, "html", SAMPLE, list_title=TITLE),
        mjml=work.mjml,
        message=compile_message(edition, headers).join(SAMPLE),
    )


def _judged_notice(settings: Settings, name: str, language: str) -> Judged:
    work = notice_work(settings, open_template(settings, name), Notice(list_title=TITLE, hours=72), language=language)
    edition = run_passes(work)
    for step in PASSES[:3]:
        work = step.run(work)
    headers = MailingHeaders(
        message_id_prefix="notice",
        message_id_domain="harbour-letter.example",
        date=datetime.now(UTC),
        list_name="daily",
        list_title=TITLE,
        bulk=name == "welcome",
    )
    reader = replace(SAMPLE, fresh="sample-fresh-token-sample-fresh-token-sample-fre")
    return Judged(
        name=f"notice {name} {language}",
        template="notice",
        html=fill_body(edition, "html", reader, list_title=TITLE),
        mjml=work.mjml,
        message=compile_message(edition, headers).join(reader),
    )


def _settings(root: Path) -> Settings:
    """The sample newsroom's, with the readers' pages where they would be in earnest."""
    settings = load_settings(ROOT)
    newsroom = settings.newsroom.model_copy(update={"url": "https://letters.harbour.example"})
    return settings.model_copy(update={"newsroom": newsroom, "root": root})


def _seed_issue(folder: Path) -> Issue:
    """The real roundup, composed as an editor would; its undecided quotes take sides in turn."""
    settings = _settings(folder)
    slug = compose(settings, [SEED], date=None, title="A pact signed abroad", today=date(2024, 6, 20)).name
    outlets = newsroom_outlets(load_settings(ROOT))
    undecided = load(settings, slug, outlets=outlets).undecided
    if undecided:
        halves = {
            quote.id: "left" if number < len(undecided) / 2 else "right" for number, quote in enumerate(undecided)
        }
        decide_sides(settings, slug, halves)
    return load(settings, slug, outlets=outlets)


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judged]:
    """Every template on every issue, by name; the real roundup's where it is at hand. And every notice."""
    settings = _settings(ROOT)
    outlets = newsroom_outlets(settings)
    slugs = sorted(path.name for path in settings.issues.iterdir() if (path / "issue.toml").is_file())
    issues = [load(settings, slug, outlets=outlets) for slug in slugs]
    if SEED.is_file():
        issues.append(_seed_issue(tmp_path_factory.mktemp("newsroom")))
    found = [_judged(issue, settings, template) for issue in issues for template in TEMPLATES]
    found += [_judged_notice(settings, name, language) for name in NOTICES for language in ("en", "de")]
    return {one.name: one for one in found}


@pytest.fixture(scope="session")
def judges(node: Path) -> Path:  # noqa: ARG001 - they came with it
    """The folder of the installed packages."""
    return Path(__file__).with_name("node_modules")


def ask(node: Path, asked: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What html-validate, mjml and caniemail have to say of each, from one process."""
    ran = subprocess.run(
        [node, Path(__file__).with_name("judge.mjs")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answers: dict[str, Any] = json.loads(ran.stdout)
    assert set(answers) == set(asked)
    return answers


@pytest.fixture(scope="session")
def verdicts(node: Path, judged: dict[str, Judged]) -> dict[str, dict[str, list[str]]]:
    """The programs' complaints of every e-mail."""
    return ask(node, {name: {"html": one.html, "mjml": one.mjml} for name, one in judged.items()})


@pytest.fixture(scope="session")
def refusals(node: Path) -> Callable[[list[str]], list[list[str]]]:
    """What the reference package has to say of MJML that is handed to it."""

    def judge(documents: list[str]) -> list[list[str]]:
        answers = ask(node, {str(number): {"html": "<p>a</p>", "mjml": mjml} for number, mjml in enumerate(documents)})
        return [answers[str(number)]["mjml"] for number in range(len(documents))]

    return judge
