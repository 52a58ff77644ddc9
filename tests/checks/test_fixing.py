from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter import settings
from newsletter.checks import FileFix, plan_fixes, write_fixes
from newsletter.checks.fixing import edited
from newsletter.errors import BlockedError
from newsletter.findings import Finding, Fix, Severity
from newsletter.issues import load, newsroom_outlets
from newsletter.issues.model import Issue

SLUG = "2026-11-24-the-mill-pond"


def planned(room: Any) -> tuple[Issue, tuple[FileFix, ...]]:
    newsroom = settings.load(room.root)
    outlets = newsroom_outlets(newsroom)
    issue = load(newsroom, SLUG, outlets=outlets)
    return issue, plan_fixes(issue, issue.findings, newsroom, outlets)


def test_fixes_are_planned_as_a_diff_and_written_whole(room: Any) -> None:
    room.plant("roundup.txt", "“I fished there", "I fished there")
    room.plant("roundup.txt", "not the water", 'not the "water"')
    issue, fixes = planned(room)
    diff = fixes[0].diff("issues/x/roundup.txt")
    assert diff.startswith("--- a/issues/x/roundup.txt\n+++ b/issues/x/roundup.txt\n@@")
    assert "+“I fished there" in diff
    assert {finding.code for finding in fixes[0].settled} == {"QUOTE-OPENER-MISSING", "MARKS-MIXED"}
    write_fixes(settings.load(room.root), SLUG, fixes)
    again, left = planned(room)
    assert left == ()
    assert again.findings == ()
    assert [quote.id for quote in again.quotes] == [quote.id for quote in issue.quotes]


def test_a_fix_that_would_lose_a_decision_its_quote_is_left_to_the_editor(room: Any) -> None:
    room.plant("roundup.txt", "the herons do", "the herons donâ€™t, or do")
    room.plant("roundup.txt", "ninety thousand a year.”", "ninety thousand a year.")
    issue, fixes = planned(room)
    assert {finding.code for finding in fixes[0].settled} == {"TEXT-MISDECODED", "QUOTE-UNCLOSED"}
    key = next(quote.id for quote in issue.quotes if "herons" in quote.paragraphs[0])
    room.plant("issue.toml", "[sides]\n", f'[links]\n{key} = "https://tidemark.example/x"\n')
    _, fixes = planned(room)
    assert {finding.code for finding in fixes[0].settled} == {"QUOTE-UNCLOSED"}


def test_a_file_that_changed_meanwhile_is_left_as_it_is(room: Any) -> None:
    room.plant("roundup.txt", "“I fished there", "I fished there")
    _, fixes = planned(room)
    room.plant("roundup.txt", "ten years old", "nine years old")
    with pytest.raises(BlockedError, match="changed on disk"):
        write_fixes(settings.load(room.root), SLUG, fixes)
    assert "nine years old" in room.path("roundup.txt").read_text(encoding="utf-8")


def test_of_fixes_that_overlap_the_first_is_made_and_the_next_run_makes_the_other(room: Any) -> None:
    room.plant("roundup.txt", "“I fished there as a boy", "I fished thereâ€™s a boy")
    rounds = 0
    while fixes := planned(room)[1]:
        write_fixes(settings.load(room.root), SLUG, fixes)
        rounds += 1
    assert rounds == 2
    assert "“I fished there’s a boy" in room.path("roundup.txt").read_text(encoding="utf-8")


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    data = "\ufeffone\r\ntwo\rthree\nfour".encode()
    found = [at(2, 1, 4, "zwei"), at(4, 5, 5, "!"), at(1, 1, 1, "“")]
    assert edited(data, found) == "\ufeff“one\r\nzwei\rthree\nfour!".encode()


@given(st.text(alphabet="ab\r\n\u2028“\ufeff", max_size=30), st.integers(1, 8), st.integers(1, 8))
def test_a_fix_that_replaces_nothing_changes_nothing(text: str, line: int, column: int) -> None:
    assert edited(text.encode(), [at(line, column, column, "")]) == text.encode()


def at(line: int, column: int, end_column: int, replacement: str) -> Finding:
    fix = Fix(line=line, column=column, end_column=end_column, replacement=replacement)
    return Finding(
        code="X", severity=Severity.WARNING, message="…", file="roundup.txt", line=line, column=column, fix=fix
    )
