"""What makes an e-mail readable for everybody: contrast, size, headings, targets, roles, language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.contrast import LEAST, ratio, shown
from newsletter.checks.page import Element, Link, Look, Run, Scheme
from newsletter.checks.rule import Group, Rule
from newsletter.checks.spots import Spot
from newsletter.checks.subject import Matter
from newsletter.findings import Finding, Severity
from newsletter.issues.model import Issue
from newsletter.rendering.cleaning import clean, paragraphs
from newsletter.roundups.review.matter import short

SMALLEST_BODY, SMALLEST_TARGET = 14.0, 24.0
"""CSS pixels: the newsroom's floor for body text, and WCAG 2.2's for what is tapped (2.5.8)."""

_WCAG = "https://www.w3.org/WAI/WCAG22/Understanding/"

CONTRAST_LIGHT = Rule(
    code="CONTRAST-LIGHT",
    severity=Severity.ERROR,
    group=Group.ACCESSIBILITY,
    title="text too pale",
    why=f"Text needs a contrast of {LEAST}:1 to be read in daylight and by tired eyes.",
    source=f"{_WCAG}contrast-minimum.html",
    fix="Choose a darker text or a lighter ground in [brand] or [sides] of newsletter.toml, or in the template",
    example="#999999 on #ffffff has 2.84:1; #767676 is the palest grey that passes, with 4.54:1",
)
CONTRAST_DARK = Rule(
    code="CONTRAST-DARK",
    severity=Severity.ERROR,
    group=Group.ACCESSIBILITY,
    title="text too dim on a dark device",
    why=f"Text needs a contrast of {LEAST}:1 in dark mode too.",
    source=f"{_WCAG}contrast-minimum.html",
    fix="Choose a lighter text or a darker ground: the keys that end in _dark, or the template’s dark rules. MJML paints "
    "grounds on a div and on its table: both need the rule",
)
DARK_MISSING = Rule(
    code="DARK-MISSING",
    severity=Severity.INFO,
    group=Group.ACCESSIBILITY,
    title="no rules for dark devices",
    why="Where a template says nothing about dark mode, programs turn its colours round as they like.",
    source="https://www.caniemail.com/features/css-at-media-prefers-color-scheme/",
    fix="Add rules in @media (prefers-color-scheme: dark) to the template’s mj-style, as `daily` has them",
)
TEXT_SMALL = Rule(
    code="TEXT-SMALL",
    severity=Severity.WARNING,
    group=Group.ACCESSIBILITY,
    title="body text too small",
    why=f"What is read, and not only glanced at, needs {SMALLEST_BODY:g} px on a phone held at arm’s length.",
    fix=f"Set its font-size to {SMALLEST_BODY:g}px or more in the template",
)
HEADING_ONE = Rule(
    code="HEADING-ONE",
    severity=Severity.ERROR,
    group=Group.ACCESSIBILITY,
    title="not exactly one h1",
    why="Screen readers start from the one heading that names the page.",
    source=f"{_WCAG}info-and-relationships.html",
    fix="Make the title, and only the title, an h1 in the template",
)
HEADING_ORDER = Rule(
    code="HEADING-ORDER",
    severity=Severity.WARNING,
    group=Group.ACCESSIBILITY,
    title="heading level skipped",
    why="Readers who go from heading to heading think that they missed one.",
    source=f"{_WCAG}info-and-relationships.html",
    fix="Use the next lower level: h2 after h1, h3 after h2",
    example="An h3 right under the h1 becomes an h2",
)
TARGET_SMALL = Rule(
    code="TARGET-SMALL",
    severity=Severity.WARNING,
    group=Group.ACCESSIBILITY,
    title="link too small to tap",
    why=f"A finger needs {SMALLEST_TARGET:g} px; links within a sentence are excepted.",
    source=f"{_WCAG}target-size-minimum.html",
    fix=f"Set its line-height to {SMALLEST_TARGET:g}px or more in the template",
    example=".footer a { line-height: 24px; }",
)
TABLE_ROLE = Rule(
    code="TABLE-ROLE",
    severity=Severity.WARNING,
    group=Group.ACCESSIBILITY,
    title="layout table that is read out as one",
    why='Without role="presentation" screen readers announce rows and columns that mean nothing.',
    source=f"{_WCAG}info-and-relationships.html",
    fix='Add role="presentation" to the table in the template’s mj-raw, or use mj-section',
)
PAGE_LANGUAGE = Rule(
    code="PAGE-LANGUAGE",
    severity=Severity.ERROR,
    group=Group.ACCESSIBILITY,
    title="page without a language",
    why="Screen readers choose their voice by it.",
    source=f"{_WCAG}language-of-page.html",
    fix='Start the template with <mjml lang="{{ language }}" dir="{{ dir }}">',
)
PAGE_TITLE = Rule(
    code="PAGE-TITLE",
    severity=Severity.WARNING,
    group=Group.ACCESSIBILITY,
    title="page without a title",
    why="“View online” opens it in a browser, whose tab and screen reader name it by its title.",
    source=f"{_WCAG}page-titled.html",
    fix="Put <mj-title>{{ subject }}</mj-title> into the template’s head",
)
RULES = (
    CONTRAST_LIGHT, CONTRAST_DARK, DARK_MISSING, TEXT_SMALL, HEADING_ONE, HEADING_ORDER, TARGET_SMALL, TABLE_ROLE,
    PAGE_LANGUAGE, PAGE_TITLE,
)  # fmt: skip
_HEADING = re.compile(r"h([1-6])$")
_IN_A_SENTENCE = 40


def contrast(matter: Matter) -> Iterator[Finding]:
    """Every visible text on its ground, in light, and in dark where the template is designed for it."""
    yield from _contrast(matter, Scheme.LIGHT, CONTRAST_LIGHT)
    if matter.page.designed_for_dark:
        yield from _contrast(matter, Scheme.DARK, CONTRAST_DARK)
    else:
        yield DARK_MISSING.finding("the template has no rules for dark devices", matter.newsroom.template)


def _contrast(matter: Matter, scheme: Scheme, rule: Rule) -> Iterator[Finding]:
    told = set()
    for run in matter.page.runs(scheme):
        color, ground = run.look.color, run.look.ground
        if (color, ground) in told or run.look.size <= 1:
            continue
        told.add((color, ground))
        if (measured := ratio(color, ground)) < LEAST:
            # rounded down: 4.49 is not 4.5
            message = f"{short(run.text)!r}: {shown(color)} on {shown(ground)} has {int(measured * 100) / 100}:1"
            yield rule.finding(message, _color_spot(matter, run))


def _color_spot(matter: Matter, run: Run) -> Spot:
    names = (shown(run.look.color), shown(run.look.ground))
    found = (matter.newsroom.in_settings(name) for name in names)
    return next((spot for spot in found if spot), None) or matter.newsroom.in_template(*names)


def body_text(matter: Matter) -> Iterator[Finding]:
    """The size of what the issue says; labels, dates and the footer are not body text."""
    looks = matter.page.looks(Scheme.LIGHT)
    said = [" ".join(text.split()) for text in _said(matter.issue)]
    told: set[float] = set()
    for words, block in matter.page.leaves:
        look = looks[block]
        size = look.size
        if size >= SMALLEST_BODY or size in told or look.hidden or not any(text in words for text in said):
            continue
        told.add(size)
        yield TEXT_SMALL.finding(f"{short(words)!r} is set in {size:g} px", _size_spot(matter, block, size))


def _said(issue: Issue) -> Iterator[str]:
    for section in issue.sections:
        yield from (clean(text) for text in (*section.prose, section.stance or "") if text)
        yield from (clean(text) for quote in section.quotes for text in quote.paragraphs)
    for block in issue.blocks:
        yield from paragraphs(block.text)


def _size_spot(matter: Matter, block: Element, size: float) -> Spot:
    written = f"{size:g}px"
    for element in (block, *block.iterancestors()):
        for name in (element.get("class") or "").split():
            spot = matter.newsroom.matching(
                re.compile(rf"\.{re.escape(name)}\b[^}}]*font-size:\s*{re.escape(written)}")
            )
            if spot.line is not None:
                return spot
    return matter.newsroom.in_template(f'font-size="{written}"', f"font-size: {written}")


def headings(matter: Matter) -> Iterator[Finding]:
    """One h1, and no level skipped."""
    levels = [
        (int(found[1]), element)
        for element in matter.page.body.iter()
        if isinstance(element.tag, str) and (found := _HEADING.match(element.tag))
    ]
    firsts = sum(level == 1 for level, _ in levels)
    if firsts != 1:
        yield HEADING_ONE.finding(f"the page has {firsts or 'no'} h1", matter.newsroom.in_template("<h1"))
    above = 1
    for level, element in levels:
        if level > above + 1:
            message = f"an h{level} follows an h{above}: {short(' '.join(element.text_content().split()))!r}"
            yield HEADING_ORDER.finding(message, matter.newsroom.in_template(f"<h{level}"))
            return
        above = level


def targets(matter: Matter) -> Iterator[Finding]:
    """How high each link is, those within sentences aside."""
    looks = matter.page.looks(Scheme.LIGHT)
    for link in matter.page.links:
        look = looks[link.element]
        if look.hidden or not link.words or _in_a_sentence(link):
            continue
        height = _height(link.element, look)
        if height < SMALLEST_TARGET:
            message = f"the link {short(link.words)!r} is {height:g} px high"
            written = (f">{link.words}<", f'class="{link.element.get("class")}"', link.href)
            yield TARGET_SMALL.finding(message, matter.newsroom.in_template(*written))
            return


def _height(element: Element, look: Look) -> float:
    """The line's height, with the padding where the link is a box."""
    line = look.line if look.line is not None else look.size * 1.15
    box = "inline-block" in (element.get("style") or "") or "display:block" in (element.get("style") or "")
    return round(line + (look.padding if box else 0.0), 1)


def _in_a_sentence(link: Link) -> bool:
    """Whether the link stands in running text: its block says much more than the link does (WCAG 2.5.8, inline)."""
    block = next((each for each in link.element.iterancestors() if each.tag in {"p", "td", "li", "div"}), None)
    if block is None:
        return False
    links = sum(len("".join(each.itertext())) for each in block.iter("a"))
    return len(" ".join(block.text_content().split())) - links > _IN_A_SENTENCE + links


def roles(matter: Matter) -> Iterator[Finding]:
    """Layout tables say that they are no tables; those with header cells are tables."""
    for table in matter.page.body.iter("table"):
        if table.get("role") not in {"presentation", "none"} and table.find(".//th") is None:
            message = 'a layout table lacks role="presentation"'
            yield TABLE_ROLE.finding(message, matter.newsroom.in_template("<table", "<mj-table"))
            return


def language(matter: Matter) -> Iterator[Finding]:
    """The page's language and title."""
    written = (matter.page.root.get("lang") or "").strip()
    if not written or written == "und":
        yield PAGE_LANGUAGE.finding("the page names no language", matter.newsroom.in_template("<mjml"))
    title = matter.page.root.find("head/title")
    if title is None or not (title.text or "").strip():
        yield PAGE_TITLE.finding("the page has no title", matter.newsroom.in_template("<mj-title", "<mj-head"))
