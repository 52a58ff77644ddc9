"""`newsletter issue check` and `newsletter check`, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SLUG = "2026-11-24-the-mill-pond"
ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}


def newsletter(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("newsletter"), *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


@pytest.fixture
def dated(room: Any) -> Any:
    """The clean newsroom, whatever day it is here; its hosts are names for examples, which are never asked."""
    room.plant("newsletter.toml", "[roundup]", "[checks]\nfar_days = 3660\n\n[roundup]")
    return room


def test_a_clean_issue_gets_one_line_and_exit_code_0(dated: Any) -> None:
    done = newsletter("issue", "check", SLUG, cwd=dated.root)
    assert done.returncode == 0, done.stdout
    assert "error" not in done.stdout
    assert "· edition " in done.stdout.splitlines()[-1]


def test_a_finding_shows_its_line_with_a_caret_and_what_to_do(dated: Any) -> None:
    dated.plant("roundup.txt", "ninety thousand a year", "TK thousand a year")
    done = newsletter("-C", str(dated.root), "issue", "check", SLUG, "--offline", cwd=dated.root.parent)
    number = dated.line("roundup.txt", "TK thousand")
    lines = done.stdout.splitlines()
    first = next(place for place, line in enumerate(lines) if "[TEXT-PLACEHOLDER]" in line)
    path = f"{dated.root.name}/issues/{SLUG}/roundup.txt"
    assert lines[first].startswith(f"{path}:{number}:")
    assert "error: 'TK' in the quote" in lines[first]
    caret = lines[first + 2].index("^^")
    assert lines[first + 1][caret : caret + 2] == "TK"
    assert lines[first + 3].lstrip().startswith("= Write what belongs there")
    assert lines[-1].startswith("1 error")
    assert done.returncode == 1


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1), ("info", 1)])
def test_the_fail_level_sets_the_exit_code(level: str, code: int, dated: Any) -> None:
    dated.plant("roundup.txt", "Harriet Voss, The Tollgate", "Harriet Voss, The Tollgrate")
    done = newsletter("issue", "check", SLUG, "--offline", "--fail-level", level, "--json", cwd=dated.root)
    answer = json.loads(done.stdout)
    assert answer["counts"]["warning"] >= 1
    assert done.returncode == code


def test_a_template_at_fault_is_a_finding_at_its_line(dated: Any) -> None:
    dated.plant("templates/email/plain/body.mjml", "<h1>{{ layout.title }}</h1>", "<h1>{{ layout.titel }}</h1>")
    done = newsletter("issue", "check", SLUG, "--offline", "--format", "github", cwd=dated.root)
    assert done.returncode == 1
    number = dated.line("templates/email/plain/body.mjml", "layout.titel")
    assert f"::error file=templates/email/plain/body.mjml,line={number}," in done.stdout


def test_sarif_and_json_are_whole_documents(dated: Any) -> None:
    dated.plant("roundup.txt", "not the water", 'not the "water"')
    log = json.loads(newsletter("issue", "check", SLUG, "--offline", "--format", "sarif", cwd=dated.root).stdout)
    assert log["version"] == "2.1.0"
    results = [one for one in log["runs"][0]["results"] if one["ruleId"] == "MARKS-MIXED"]
    assert results[0]["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "“"}


def test_fixes_are_shown_and_made_only_when_agreed(dated: Any) -> None:
    dated.plant("roundup.txt", "“I fished there", "I fished there")
    before = dated.path("roundup.txt").read_bytes()
    asked = newsletter("issue", "check", SLUG, "--offline", "--fix", cwd=dated.root)
    assert "+“I fished there" in asked.stdout
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert dated.path("roundup.txt").read_bytes() == before
    done = newsletter("issue", "check", SLUG, "--offline", "--fix", "--yes", "--fail-level", "warning", cwd=dated.root)
    assert done.returncode == 0, done.stdout
    assert "1 fixed." in done.stderr
    assert dated.path("roundup.txt").read_text(encoding="utf-8").count("“I fished there") == 1


def test_a_code_is_explained_and_all_are_listed(dated: Any) -> None:
    done = newsletter("check", "rule", "contrast-dark", cwd=dated.root)
    assert done.stdout.startswith("CONTRAST-DARK · error · accessibility\n")
    assert "https://www.w3.org/WAI/WCAG22/Understanding/contrast-minimum.html" in done.stdout
    rules = json.loads(newsletter("check", "rules", "--json", cwd=dated.root).stdout)
    assert {"code", "severity", "group", "title", "why", "source", "fix", "example"} == set(rules[0])
    assert newsletter("check", "rule", "NO-SUCH", cwd=dated.root).returncode == 2


def test_an_unknown_code_among_the_waivable_is_named(dated: Any) -> None:
    dated.plant("newsletter.toml", "[checks]", '[checks]\nwaivable = ["TEXT-PLACEHOLDR"]')
    done = newsletter("issue", "check", SLUG, "--offline", cwd=dated.root)
    assert done.returncode == 2
    assert "waivable in newsletter.toml" in done.stderr
    assert "Did you mean 'TEXT-PLACEHOLDER'?" in done.stderr
