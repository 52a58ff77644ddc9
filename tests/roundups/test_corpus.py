"""Every form of the survey, judged by hand: see corpus/README.md for the keys of the expected files."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from newsletter.roundups import Outlets, decode, read

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*.txt"))
OUTLETS = Outlets.load(Path(__file__).parents[2] / "outlets.toml")
RANK = {"info": 0, "warning": 1, "error": 2}
CODES = {
    "quote without attribution": "QUOTE-NO-ATTRIBUTION",
    "attribution without quote": "ATTRIBUTION-NO-QUOTE",
    "side undecided": "SIDE-UNDECIDED",
    "fewer than two sides": "SIDES-FEWER-THAN-TWO",
    "opener missing": "QUOTE-OPENER-MISSING",
    "last paragraph unclosed": "QUOTE-UNCLOSED",
    "closed paragraph followed by another": "QUOTE-CLOSED-EARLY",
    "ellipsis then attribution": "QUOTE-ENDS-ELLIPSIS",
    "break lost inside a line": "MARKS-COLLIDE",
    "straight and curly mixed": "MARKS-MIXED",
    "unknown outlet": "OUTLET-UNKNOWN",
    "outlet alone": "OUTLET-ALONE",
    "heading with nothing under it": "HEADING-EMPTY",
    "line twice": "TWICE-LINE",
    "quote twice": "TWICE-QUOTE",
    "author twice": "TWICE-AUTHOR",
    "overlong quote": "QUOTE-LONG",
    "out of balance in quotes": "BALANCE-QUOTES",
    "out of balance in words": "BALANCE-WORDS",
    "no date": "DATE-MISSING",
    "no title": "TITLE-MISSING",
    "date without year": "DATE-NO-YEAR",
    "leftover furniture": "FURNITURE-LEFT",
    "mis-decoded UTF-8": "TEXT-MISDECODED",
    "unmatched bracket": "BRACKET-UNMATCHED",
    "capital after bracketed edit": "BRACKET-CAPITAL",
}


def expected_of(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.with_name(path.stem + ".expected.json").read_text(encoding="utf-8"))
    return data


def parse(path: Path) -> dict[str, Any]:
    return read(decode(path.read_bytes(), name=path.name), outlets=OUTLETS, name=path.name).as_dict()


def differences(want: Any, got: Any, path: str, expected: dict[str, Any]) -> list[str]:
    if path in expected.get("accept", {}):
        return [] if got in expected["accept"][path] else [f"{path}: {got!r} is none of {expected['accept'][path]!r}"]
    if any(path == free or path.startswith((f"{free}.", f"{free}[")) for free in expected.get("unsure", [])):
        return []
    if isinstance(want, dict):
        return [
            fault
            for key in want
            for fault in differences(want[key], got.get(key), f"{path}.{key}".lstrip("."), expected)
        ]
    if isinstance(want, list):
        if len(want) != len(got):
            return [f"{path}: {len(got)} instead of {len(want)}: {got!r}"]
        return [
            fault
            for index, item in enumerate(want)
            for fault in differences(item, got[index], f"{path}[{index}]", expected)
        ]
    return [] if want == got else [f"{path}: {got!r} instead of {want!r}"]


def matches(owed: dict[str, Any], finding: dict[str, Any]) -> bool:
    if finding["code"] != CODES[owed["about"]] or RANK[finding["severity"]] < RANK[owed.get("severity", "info")]:
        return False
    first, last = owed.get("lines") or (owed.get("line"), owed.get("line"))
    return first is None or first <= (finding["line"] or 0) <= last


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_read_as_a_person_reads_it(path: Path) -> None:
    expected = expected_of(path)
    wanted = {key: expected[key] for key in ("title", "date", "sections", "furniture")}
    assert differences(wanted, parse(path), "", expected) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_findings_that_are_owed_are_there_and_no_forbidden_one(path: Path) -> None:
    expected, findings = expected_of(path), parse(path)["findings"]
    missing = [
        owed for owed in expected.get("must_find", []) if not any(matches(owed, finding) for finding in findings)
    ]
    forbidden = [ban for ban in expected.get("must_not_find", []) if any(matches(ban, finding) for finding in findings)]
    assert (missing, forbidden) == ([], [])


def test_blank_lines_do_not_decide() -> None:
    """The same issue with and without its blank lines has the same sections and furniture."""
    first, second = (parse(CORPUS / f"{name}.txt") for name in ("full-issue", "full-issue-no-blank-lines"))
    strip = re.compile(r'"(?:lines|line)": (?:\[[^]]*\]|\d+)')
    assert strip.sub("", json.dumps(first["sections"])) == strip.sub("", json.dumps(second["sections"]))
    assert first["furniture"] == second["furniture"]
