from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks import Waived, Waiver
from newsletter.checks.formats import Answer, excerpt, workflow_commands
from newsletter.checks.formats.excerpt import columns
from newsletter.findings import Finding, Severity

LONG = Finding(
    code="QUOTE-LONG",
    severity=Severity.WARNING,
    message="50%, or: more",
    file="roundup.txt",
    line=3,
    column=2,
    end_column=9,
)
DEAD = Finding(code="LINK-DEAD", severity=Severity.ERROR, message="gone", file="templates/email/daily/body.mjml")
NOWHERE = Finding(code="SIZE-LARGE", severity=Severity.INFO, message="large")
WAIVER = Waiver(code="QUOTE-LONG", name="Ada", reason="worth it")


def answer(*findings: Finding, root: str = "", waived: tuple[Waived, ...] = ()) -> Answer:
    return Answer(slug="2026-x", edition="e" * 64, root=root, findings=findings, waived=waived)


def test_files_are_named_from_where_the_answer_is_read() -> None:
    told = answer(LONG, DEAD, NOWHERE, root="news")
    assert [told.place(finding) for finding in told.findings] == [
        "news/issues/2026-x/roundup.txt",
        "news/templates/email/daily/body.mjml",
        "news/issues/2026-x",
    ]
    assert answer().path("newsletter.toml") == "newsletter.toml"


def test_the_summary_counts_what_stands_and_what_is_waived() -> None:
    waived = (Waived(finding=LONG, waiver=WAIVER),)
    assert answer(DEAD, LONG, LONG, NOWHERE, waived=waived).summary() == "1 error, 2 warnings, 1 info, 1 waived"
    assert answer().summary() == "nothing found"
    assert answer(waived=waived).summary() == "nothing found, 1 waived"


def test_the_fail_level_decides_what_blocks() -> None:
    assert [answer(LONG).blocks(level) for level in (Severity.ERROR, Severity.WARNING, Severity.INFO)] == [
        False,
        True,
        True,
    ]
    assert not answer(waived=(Waived(finding=DEAD, waiver=WAIVER),)).blocks(Severity.INFO)


def test_annotations_are_escaped_as_github_asks() -> None:
    lines = list(workflow_commands(answer(LONG, DEAD, NOWHERE, root="a,b")))
    assert lines[0].startswith(
        "::warning file=a%2Cb/issues/2026-x/roundup.txt,line=3,col=2,endColumn=9,title=QUOTE-LONG::50%25, or: more%0A"
    )
    assert lines[1].startswith("::error file=a%2Cb/templates/email/daily/body.mjml,title=LINK-DEAD::gone%0A")
    assert lines[2].startswith("::notice title=SIZE-LARGE::large%0A")


def test_carets_stand_under_what_is_meant() -> None:
    assert excerpt("one two three", 5, 8) == ("one two three", "    ^^^")
    assert excerpt("one", 4) == ("one", "   ^")
    assert excerpt("一二三", 2, 3) == ("一二三", "  ^^")
    assert excerpt("e\u0301a\tb", 5, 6) == ("e\u0301a b", "   ^")
    assert excerpt("", 1) == ("", "^")


def test_a_long_line_is_cut_around_what_is_meant() -> None:
    shown, carets = excerpt("a" * 500 + "HERE" + "b" * 500, 501, 505)
    assert columns(shown) == 102
    assert shown[0] == shown[-1] == "…"
    assert shown[len(carets) - 4 : len(carets)] == "HERE"


def test_no_line_steers_a_terminal() -> None:
    shown, _ = excerpt("\x1b[2J\u202eabc\u2028\r", 1)
    assert shown == "\ufffd[2J\ufffdabc\ufffd\ufffd"


@given(st.text(max_size=300), st.integers(1, 400), st.none() | st.integers(1, 400))
def test_carets_never_leave_the_line(line: str, column: int, end_column: int | None) -> None:
    shown, carets = excerpt(line, column, end_column)
    assert carets.strip(" ") == "^" * carets.count("^") != ""
    assert columns(carets) <= columns(shown) + 1
