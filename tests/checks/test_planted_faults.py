"""Every rule of the checks: its fault, planted alone into the clean newsroom, gives its code at its line and no other."""

# ruff: noqa: E501 - lines of roundups, templates and tables are lines

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from newsletter.checks import RULES, Audience, Recent
from newsletter.checks.foreign import RULES as FOREIGN
from newsletter.checks.link_result import LinkResult, Verdict
from newsletter.findings import Severity
from newsletter.issues.model import Issue
from newsletter.rendering import Edition

BODY, CSS, TEXT = (f"templates/email/plain/{name}" for name in ("body.mjml", "author.css", "body.txt"))
ISSUE, ROUNDUP, SETTINGS = "issue.toml", "roundup.txt", "newsletter.toml"
WHOLE = ""
QUOTE = "“I fished there as a boy and caught a boot."
LINK = "https://tollgate.example/voss/a-boot"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`old` becomes `new` in `file`; `code` is expected on the line of `file` (or `at[0]`) that holds `new` (or `at[1]`), the
    last such line where `last`. A place of `WHOLE` is a file without a line."""

    code: str
    file: str = ""
    old: str = ""
    new: str = ""
    at: tuple[str, str] | None = None
    last: bool = False
    more: tuple[tuple[str, str, str], ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def expected(self) -> tuple[str, str] | None:
        return self.at or ((self.file, self.new.strip("\n").split("\n")[0]) if self.file else None)


def told(code: str, file: str, old: str, new: str, **more: Any) -> Fault:
    return Fault(code=code, file=file, old=old, new=new, **more)


def html(old: str, new: str) -> Callable[[Edition], Edition]:
    return lambda edition: replace(edition, html=_changed(edition.html, old, new))


def text(old: str, new: str) -> Callable[[Edition], Edition]:
    return lambda edition: replace(edition, text=_changed(edition.text, old, new))


def whole(change: Callable[[str], str]) -> Callable[[Edition], Edition]:
    return lambda edition: replace(edition, html=change(edition.html))


def _changed(whole: str, old: str, new: str) -> str:
    assert old in whole, f"{old!r} is not in it"
    return whole.replace(old, new, 1)


def altered(issue: Issue) -> Issue:
    section = issue.sections[-1]
    quote = replace(section.quotes[-1], paragraphs=("“I fished there as a boy.”",))
    changed = replace(section, quotes=(*section.quotes[:-1], quote))
    return replace(issue, sections=(*issue.sections[:-1], changed))


def result(verdict: Verdict, detail: str) -> dict[str, LinkResult]:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    return {LINK: LinkResult(url=LINK, verdict=verdict, status=None, detail=detail, final_url=LINK, checked_at=at)}


def recent(*, authors: tuple[str, ...] = (), outlets: tuple[str, ...] = ()) -> tuple[Recent, ...]:
    return (
        Recent(slug="2026-11-20-x", date=date(2026, 11, 20), authors=frozenset(authors), outlets=frozenset(outlets)),
    )


IMAGE = '<img src="https://letter.example/a.png" alt="A heron" width="120">'
STYLE = "h1, h2, p { margin: 0; }"
SAID = "We are away on Thursday."


def raw(code: str, markup: str) -> Fault:
    """Markup that the strict check of templates would refuse, or that a later compiler may write."""
    return Fault(code=code, facts={"edition": html("<h1", f"{markup}<h1")}, at=(BODY, WHOLE))


def style(code: str, rule: str) -> Fault:
    return Fault(code=code, facts={"edition": html("</head>", f"<style>{rule}</style></head>")}, at=(BODY, WHOLE))


def css(code: str, declaration: str) -> Fault:
    return told(code, CSS, STYLE, f"{STYLE}\nh2 {{ {declaration}; }}", at=(CSS, declaration))


CONTENT = [
    told("TEXT-PLACEHOLDER", ROUNDUP, "ninety thousand a year", "TK thousand a year"),
    told("TEXT-PLACEHOLDER", ROUNDUP, "an old dam is a debt", "an old dam is TODO"),
    told("TEXT-PLACEHOLDER", ISSUE, 'heading = "A note"', 'heading = "XXX"'),
    told("TEXT-PLACEHOLDER", ISSUE, SAID, f"{SAID} Lorem ipsum."),
    told("TEXT-PLACEHOLDER", ISSUE, "a heron that nobody asked", "a TBD that nobody asked"),
    told("TEXT-UNRENDERED", ROUNDUP, "caught a boot", "caught a {{ fish }}"),
    told("TEXT-UNRENDERED", ISSUE, SAID, "Dear {% name %},"),
    told("TEXT-UNRENDERED", ISSUE, SAID, "Dear *|FNAME|*,"),
    told("TEXT-UNRENDERED", BODY, "You joined", "{{ '{{ who }}' }} joined"),
    told("SUBJECT-LENGTH", ISSUE, 'subject = "Should the mill pond be drained?"', 'subject = "The pond"'),
    told("SUBJECT-LENGTH", ISSUE, 'subject = "Should', f'subject = "{"Well, " * 9}should'),
    told("SUBJECT-SHOUTS", ISSUE, 'subject = "Should the mill pond be drained?"', 'subject = "DRAIN THE POND?"'),
    told("SUBJECT-EXCLAIMS", ISSUE, 'subject = "Should the mill pond be drained?"', 'subject = "Drain the mill pond!"'),
    told(
        "PREHEADER-REPEATS",
        ISSUE,
        "Four votes to three, and a heron that nobody asked.",
        "Should the mill pond be drained",
        at=(ISSUE, "preheader ="),
    ),
    told("PREHEADER-LENGTH", ISSUE, "Four votes", f"{'Well, ' * 12}four votes"),
    told("DATE-FOLDER", ISSUE, "date = 2026-11-24", "date = 2026-11-25"),
    Fault(code="DATE-PAST", facts={"today": date(2026, 11, 30)}, at=(ISSUE, "date = 2026-11-24")),
    Fault(code="DATE-FAR", facts={"today": date(2025, 11, 24)}, at=(ISSUE, "date = 2026-11-24")),
    Fault(code="RECENT-AUTHOR", facts={"recent": recent(authors=("harrietvoss",))}, at=(ROUNDUP, "Harriet Voss")),
    Fault(code="RECENT-OUTLET", facts={"recent": recent(outlets=("thetollgate",))}, at=(ROUNDUP, "Harriet Voss")),
    Fault(code="QUOTE-ALTERED", facts={"issue": altered}, at=(ROUNDUP, QUOTE)),
]
CARRIED = [
    told("QUOTE-OPENER-MISSING", ROUNDUP, QUOTE, QUOTE[1:]),
    told("QUOTE-UNCLOSED", ROUNDUP, "ninety thousand a year.”", "ninety thousand a year."),
    told("MARKS-MIXED", ROUNDUP, "not the water", 'not the "water"'),
    told("OUTLET-UNKNOWN", ROUNDUP, "Harriet Voss, The Tollgate", "Harriet Voss, The Tollgrate"),
    told("OUTLET-ALONE", ROUNDUP, "Editorial Board, Breakwater", "Breakwater"),
    told("TWICE-AUTHOR", ROUNDUP, "Harriet Voss", "Jon Abara", last=True),
    told("TWICE-OUTLET", ROUNDUP, "Harriet Voss, The Tollgate", "Harriet Voss, Breakwater"),
    told("QUOTE-LONG", SETTINGS, "longest_quote_words = 60", "longest_quote_words = 40", at=(ROUNDUP, "“The dam was built")),
    told("BALANCE-WORDS", ROUNDUP, "the herons do not send a bill.”", f"the herons do not {'ever ' * 80}send.”",
         more=((SETTINGS, "longest_quote_words = 60", "longest_quote_words = 220"),), at=(ISSUE, "title =")),
    told("TEXT-MISDECODED", ROUNDUP, "the herons do", "the herons donâ€™t, or do"),
    told("BRACKET-UNMATCHED", ROUNDUP, "no board can keep", "no [board can keep"),
    told("BRACKET-CAPITAL", ROUNDUP, "and no board can", "[so we think] The board can"),
    told("SIDE-UNDECIDED", ROUNDUP, "From the Right\n\nThe right wants it drained, arguing that an old dam is a debt that nobody voted for.",
         "Other opinions", more=((ISSUE, "[sides]\n", ""),), at=(ROUNDUP, "“The dam was built")),
    told("ISSUE-DECISION-ORPHAN", ISSUE, "leave_out = []", 'leave_out = ["0123456789ab"]'),
]  # fmt: skip
LINKS = [
    told("LINK-SHORTENED", ROUNDUP, LINK, "https://bit.ly/3x7Qq"),
    told("LINK-WORDS", ISSUE, "When we write", "Click here"),
    told("LINK-TWICE", ROUNDUP, "https://tidemark.example/2026/11/the-cheapest-teacher", "https://lantern.example/abara/mud", last=True),
    Fault(code="LINK-DEAD", facts={"links": result(Verdict.DEAD, "answers 404 Not Found")}, at=(ROUNDUP, LINK)),
    Fault(code="LINK-UNVERIFIED", facts={"links": result(Verdict.UNVERIFIED, "answers 403")}, at=(ROUNDUP, LINK)),
    Fault(code="LINK-REFUSED", facts={"links": result(Verdict.REFUSED, "leads to a private address")}, at=(ROUNDUP, LINK)),
    Fault(code="LINK-EXAMPLE", facts={"links": result(Verdict.RESERVED, "is reserved")}, at=(ROUNDUP, LINK)),
    Fault(code="LINK-RELATIVE", facts={"edition": html('href="https://letter.example/away"', 'href="/away"')}, at=(ISSUE, "When we write")),
    Fault(code="LINK-SCHEME", facts={"edition": html('href="https://letter.example/away"', 'href="javascript:alert(1)"')}, at=(ISSUE, "When we write")),
]  # fmt: skip
SHAPE = [
    raw("IMAGE-ALT", IMAGE.replace(' alt="A heron"', "")),
    raw("IMAGE-WIDTH", IMAGE.replace(' width="120"', "")),
    raw("IMAGE-WIDE", IMAGE.replace("120", "1200")),
    raw("IMAGE-SOURCE", IMAGE.replace("https://letter.example/", "data:image/png;base64,")),
    raw("IMAGE-FORMAT", IMAGE.replace(".png", ".webp")),
    raw("TABLE-ROLE", '<table><tr><td class="t"><p>Layout</p></td></tr></table>'),
    raw("TEXT-UNRENDERED", "<p>{% raw %}</p>"),
    raw("HTML-WIDTH", '<div style="width:900px"></div>'),
    told("HEADING-ONE", BODY, "<h1>{{ layout.title }}</h1>", "<p>{{ layout.title }}</p>", at=(BODY, WHOLE)),
    told("HEADING-ORDER", BODY, "<h2>{{ part.heading }}</h2>", "<h3>{{ part.heading }}</h3>"),
    told("TEXT-SMALL", CSS, ".quote { margin-top: 6px; }", ".quote { margin-top: 6px; font-size: 13px; }"),
    told("TARGET-SMALL", CSS, ".link { color: {{ brand.link }}; line-height: 25px; }",
         ".link { color: {{ brand.link }}; line-height: 18px; }", at=(BODY, 'class="link"')),
    told("PAGE-LANGUAGE", BODY, '<mjml lang="{{ language }}" dir="{{ dir }}">', '<mjml lang="und" dir="{{ dir }}">'),
    told("PAGE-TITLE", BODY, "<mj-title>{{ subject }}</mj-title>", "<mj-title> </mj-title>"),
    told("CONTRAST-LIGHT", SETTINGS, 'soft = "#5c5852"', 'soft = "#b5b1ab"'),
    told("CONTRAST-DARK", SETTINGS, 'soft_dark = "#b3ada4"', 'soft_dark = "#4a4743"'),
    told("DARK-MISSING", BODY, "prefers-color-scheme: dark", "prefers-reduced-motion: reduce", at=(BODY, WHOLE)),
    told("STYLE-NESTED", BODY, ".t a { color", "@media (min-width: 9px) { .u { color: red } } .t a { color", at=(BODY, "@media (prefers")),
    told("SIZE-STYLES", BODY, "    <mj-style>", f"    <mj-style>{'.unused { color: #000000; } ' * 620}", at=(BODY, "<mj-style>")),
    Fault(code="SIZE-LARGE", facts={"edition": html("</body>", f"<!--{'x' * 80_000}--></body>")}),
    Fault(code="SIZE-CLIPPED", facts={"edition": html("</body>", f"<!--{'x' * 99_000}--></body>")}),
    Fault(code="HTML-DOCTYPE", facts={"edition": whole(lambda text: text.partition("\n")[2])}, at=(BODY, WHOLE)),
    Fault(code="HTML-DOCTYPE", facts={"edition": whole(lambda text: f"<!doctype html>{text}")}, at=(BODY, WHOLE)),
    Fault(code="HTML-QUOTE", facts={"edition": html("caught a boot", "caught a fish")}, at=(ROUNDUP, QUOTE)),
    Fault(code="TEXT-QUOTE", facts={"edition": text("caught a boot", "caught a fish")}, at=(ROUNDUP, QUOTE)),
    Fault(code="TEXT-LINK", facts={"edition": text(LINK, f"{LINK}-and-more")}, at=(ROUNDUP, LINK)),
]  # fmt: skip
CLIENTS = [
    css("CLIENT-FLEX", "display: flex"),
    css("CLIENT-GRID", "display: grid"),
    css("CLIENT-POSITION", "position: absolute"),
    css("CLIENT-FLOAT", "float: left"),
    css("CLIENT-RADIUS", "border-radius: 4px"),
    css("CLIENT-BOX-SHADOW", "box-shadow: 1px 1px #000000"),
    css("CLIENT-TEXT-SHADOW", "text-shadow: 1px 1px #000000"),
    css("CLIENT-GRADIENT", "background-image: linear-gradient(#ffffff, #eeeeee)"),
    css("CLIENT-RGBA", "border-color: rgba(0, 0, 0, 0.5)"),
    css("CLIENT-MODERN-COLOR", "border-color: oklch(0.7 0.1 200)"),
    css("CLIENT-VARIABLE", "border-color: var(--edge)"),
    css("CLIENT-CALC", "width: calc(100% - 3px)"),
    css("CLIENT-REM", "margin-top: 2rem"),
    css("CLIENT-VIEWPORT", "margin-top: 2vw"),
    css("CLIENT-TRANSFORM", "transform: rotate(3deg)"),
    css("CLIENT-ANIMATION", "transition: color 1s"),
    css("CLIENT-FILTER", "filter: blur(1px)"),
    css("CLIENT-CLIP", "clip-path: circle(4px)"),
    css("CLIENT-OBJECT-FIT", "object-fit: cover"),
    css("CLIENT-GAP", "gap: 4px"),
    css("CLIENT-LOGICAL", "margin-inline: 4px"),
    raw("CLIENT-BACKGROUND-IMAGE", '<div style="background-image:url(https://letter.example/a.png)"></div>'),
    raw("CLIENT-SVG", "<svg><path d='M0 0'/></svg>"),
    raw("CLIENT-VIDEO", "<video></video>"),
    raw("CLIENT-AUDIO", "<audio></audio>"),
    raw("CLIENT-FORM", "<form></form>"),
    raw("CLIENT-PICTURE", f"<picture>{IMAGE}</picture>"),
    raw("CLIENT-SRCSET", IMAGE.replace("alt=", 'srcset="https://letter.example/b.png 2x" alt=')),
    raw("CLIENT-OBJECT", "<iframe></iframe>"),
    raw("CLIENT-DIALOG", "<dialog></dialog>"),
    raw("CLIENT-SEMANTIC", "<aside></aside>"),
    raw("CLIENT-ANCHOR", '<p style="line-height:25px"><a href="#end" style="color:#1a4f8b">The end of all this</a></p>'),
    Fault(code="CLIENT-BASE", facts={"edition": html("<head>", '<head><base target="_top">')}, at=(BODY, WHOLE)),
    Fault(code="CLIENT-STYLESHEET", facts={"edition": html("<head>", '<head><link rel="stylesheet">')}, at=(BODY, WHOLE)),
    style("CLIENT-FONT-FACE", "@font-face { font-family: Own; }"),
    style("CLIENT-IMPORT", "@import 'a.css';"),
    told("CLIENT-SUPPORTS", BODY, "    <mj-style>", "    <mj-style>@supports (gap: 1px) { .u { color: #000000; } }"),
    style("CLIENT-NESTING", "& .u { color: #000000; }"),
]  # fmt: skip
LAW = [
    told("LAW-ADDRESS", SETTINGS, "4 Quay Street, Port Alder", "", at=(SETTINGS, "postal_address")),
    told("LAW-ADDRESS", BODY, "<p>{{ newsroom.name }}, {{ newsroom.postal_address }}</p>", "<p>{{ newsroom.name }}</p>", at=(BODY, WHOLE)),
    told("LAW-ADDRESS", TEXT, ", {{ newsroom.postal_address }}", "", at=(BODY, WHOLE)),
    told("LAW-UNSUBSCRIBE", BODY, '<a href="{{ slots.leave_url }}" class="own">Unsubscribe</a>', "{# slots.leave_url #}"),
    told("LAW-UNSUBSCRIBE", TEXT, "{{ slots.leave_url }}", "on the web", at=(TEXT, "Unsubscribe:")),
    told("LAW-HTTPS", SETTINGS, 'url = "https://letter.example"', 'url = "http://letter.example"'),
    told("LAW-ONE-CLICK", SETTINGS, 'url = "https://letter.example"', f'url = "https://letter.example/{"a" * 900}"'),
]  # fmt: skip
GATE = [
    Fault(code="AUDIENCE-EMPTY", facts={"audience": Audience(list_name="daily", recipients=0)}),
    Fault(code="AUDIENCE-UNUSUAL", facts={"audience": Audience(list_name="daily", recipients=700, usual=1000)}),
]
FAULTS = [*CONTENT, *CARRIED, *LINKS, *SHAPE, *CLIENTS, *LAW, *GATE]


def test_the_newsroom_is_clean_before_anything_is_planted(room: Any) -> None:
    assert room.check() == ()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.code}-{FAULTS.index(fault)}")
def test_a_planted_fault_gives_its_code_at_its_line_and_nothing_else(fault: Fault, room: Any) -> None:
    if fault.file:
        room.plant(fault.file, fault.old, fault.new)
    for file, old, new in fault.more:
        room.plant(file, old, new)
    found = room.check(**fault.facts)
    assert {finding.code for finding in found} == {fault.code}, [f"{one.code} {one.message}" for one in found]
    expected = fault.expected()
    assert found[0].file == (expected[0] if expected else None)
    if expected and expected[1] != WHOLE:
        assert found[0].line == room.line(*expected, last=fault.last)
    assert found[0].why


def test_every_rule_of_the_checks_has_its_planted_fault() -> None:
    own = set(RULES) - {rule.code for rule in FOREIGN}
    # An issue always has a title, and so a subject, and words that a preheader can be made of.
    assert own - {fault.code for fault in FAULTS} == {"SUBJECT-EMPTY", "PREHEADER-MISSING"}
    assert sum(len(group) for group in (CONTENT, CARRIED, LINKS, LAW)) >= 40


def test_a_subject_or_a_preheader_that_is_not_there_is_told(room: Any) -> None:
    def bare(edition: Edition) -> Edition:
        return replace(edition, subject="", preheader="")

    found = room.check(edition=bare)
    assert [(finding.code, finding.severity) for finding in found] == [
        ("SUBJECT-EMPTY", Severity.ERROR),
        ("PREHEADER-MISSING", Severity.WARNING),
    ]
    assert [finding.line for finding in found] == [room.line("issue.toml", key) for key in ("subject =", "preheader =")]
