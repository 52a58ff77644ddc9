"""SARIF by its official schema, and the table of mail programs by the data that it was compiled from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from newsletter.checks import RULES, Waived, Waiver
from newsletter.checks.client_table import FEATURES, Feature
from newsletter.checks.formats import Answer, sarif_log
from newsletter.findings import Finding, Fix, Severity

FIX = Fix(line=3, column=2, end_column=4, replacement="“")
PLACED = {"file": "a roundup é.txt", "line": 3, "column": 2, "end_column": 9}
FAMILIES = {"Gmail": "gmail", "Outlook": "outlook", "Yahoo": "yahoo", "AOL": "aol", "Samsung": "samsung-email"}


def complaints(node: Path, log: dict[str, Any]) -> list[str]:
    script = Path(__file__).with_name("sarif.mjs")
    ran = subprocess.run([node, script], input=json.dumps(log), capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    answer: list[str] = json.loads(ran.stdout)
    return answer


def answer() -> Answer:
    """Every rule once, with and without a place; a fix, a waiver, a code without a rule."""
    placed = [
        Finding(code=code, severity=rule.severity, message="What it is", **(PLACED if number % 2 else {}))  # type: ignore[arg-type]
        for number, (code, rule) in enumerate(RULES.items())
    ]
    fixed = Finding(code="QUOTE-UNCLOSED", severity=Severity.WARNING, message="…", file="x", line=3, column=2, fix=FIX)
    strange = Finding(code="NO-RULE", severity=Severity.INFO, message="…", line=1, column=1)
    waived = Waived(finding=fixed, waiver=Waiver(code="QUOTE-UNCLOSED", name="Ada", reason="It goes on"))
    return Answer(slug="2026-x", edition="e" * 64, root="a b", findings=(*placed, fixed, strange), waived=(waived,))


def test_the_log_is_valid_by_the_official_schema(node: Path) -> None:
    assert complaints(node, sarif_log(answer())) == []


def test_the_judge_sees_what_is_wrong(node: Path) -> None:
    log = sarif_log(answer())
    log["runs"][0]["results"][0]["level"] = "info"
    del log["runs"][0]["tool"]["driver"]["name"]
    assert len(complaints(node, log)) == 2


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.code)
def test_each_row_is_what_caniemail_measured(feature: Feature, judges: Path) -> None:
    data = json.loads((judges / "caniemail" / "data" / "caniemail.json").read_text(encoding="utf-8"))
    entry = next(each for each in data["data"] if each["slug"] == feature.page)
    assert entry["url"] == feature.source
    named = {family for word, family in FAMILIES.items() if word in feature.clients}
    assert named
    for family in named:
        results = [list(versions.values())[-1] for versions in entry["stats"][family].values()]
        assert any(result[0] in "na" for result in results), f"{family} shows it"
