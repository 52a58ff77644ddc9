"""The two parts of the mail say the same, and the HTML is one page of the width that programs expect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from newsletter.checks.rule import Group, Rule
from newsletter.checks.shown_texts import quote_spot
from newsletter.checks.subject import Matter
from newsletter.findings import Finding, Severity
from newsletter.issues.model import Quote
from newsletter.rendering.cleaning import clean
from newsletter.roundups.review.matter import short

WIDTH = 600
"""CSS pixels: what preview panes of desktop programs show without scrolling."""

_SAME = "RFC 2046, section 5.1.4"

TEXT_QUOTE = Rule(
    code="TEXT-QUOTE",
    severity=Severity.ERROR,
    group=Group.STRUCTURE,
    title="text part lacks a quote, or has it elsewhere",
    why="The parts of a mail are the same words in two forms; who reads the text part must not get less.",
    source=_SAME,
    fix="Mend body.txt in the template: it shows every paragraph of every quote, in the issue’s order",
)
HTML_QUOTE = Rule(
    code="HTML-QUOTE",
    severity=Severity.ERROR,
    group=Group.STRUCTURE,
    title="HTML lacks a quote, or has it elsewhere",
    why="What the editors chose is printed whole, word by word and in their order.",
    fix="Mend body.mjml in the template: it shows every paragraph of every quote, in the issue’s order",
)
TEXT_LINK = Rule(
    code="TEXT-LINK",
    severity=Severity.ERROR,
    group=Group.STRUCTURE,
    title="text part lacks a link, or has it elsewhere",
    why="The parts of a mail are the same in two forms, links too, and in the same order.",
    source=_SAME,
    fix="Mend body.txt in the template: it lists every link of the HTML, in order",
    example="A link in body.mjml that body.txt does not list",
)
DOCTYPE = Rule(
    code="HTML-DOCTYPE",
    severity=Severity.ERROR,
    group=Group.STRUCTURE,
    title="not exactly one doctype",
    why="Without the doctype programs fall back to the rules of the 1990s; a second one shows as text in some.",
    source="https://www.caniemail.com/features/html-doctype/",
    fix="Report this: templates have no doctype, the compiler writes it",
)
TOO_WIDE = Rule(
    code="HTML-WIDTH",
    severity=Severity.WARNING,
    group=Group.STRUCTURE,
    title=f"wider than {WIDTH} px",
    why=f"Preview panes of desktop programs show {WIDTH} px; beyond that readers scroll sideways.",
    source="https://documentation.mjml.io/#mj-body",
    fix=f'Set <mj-body width="{WIDTH}px"> and keep fixed widths within it',
)
RULES = (TEXT_QUOTE, HTML_QUOTE, TEXT_LINK, DOCTYPE, TOO_WIDE)

_FIXED_WIDTH = re.compile(r"(?:[\s\";](?:max-|min-)?width\s*:\s*|\swidth=\")(\d{2,5})(?:px|(?=\"))")
_WEB = ("http://", "https://", "mailto:")
_DOCTYPE = re.compile(r"<!doctype\b", re.IGNORECASE)
_AFTER_URL = re.compile(r"[\s)>\]}.,;”\"]|$")


def same_quotes(matter: Matter) -> Iterator[Finding]:
    """Every paragraph of every quote stands in both parts, in the issue's order."""
    text = " ".join(matter.edition.text.split())
    for rule, words, part in ((HTML_QUOTE, matter.page.words, "HTML"), (TEXT_QUOTE, text, "text part")):
        for quote, paragraph, fault in _missing(matter.issue.quotes, words):
            message = f"the {part} {fault} {short(paragraph)!r}"
            yield rule.finding(message, quote_spot(matter.files, quote, paragraph))


def _missing(quotes: Iterable[Quote], words: str) -> Iterator[tuple[Quote, str, str]]:
    position = 0
    for quote in quotes:
        for paragraph in quote.paragraphs:
            folded = " ".join(clean(paragraph).split())
            at = words.find(folded, position)
            if at >= 0:
                position = at + len(folded)
            else:
                yield quote, paragraph, "has in another place" if folded in words else "lacks"


def same_links(matter: Matter) -> Iterator[Finding]:
    """Every link of the HTML's content stands in the text part, in the same order."""
    position, text = 0, matter.edition.text
    for link in matter.content_links:
        href = link.href.strip()
        if not href.lower().startswith(_WEB):  # what is no address has a finding of its own
            continue
        at = _find_url(href, text, position)
        if at >= 0:
            position = at + len(href)
            continue
        fault = "has in another place" if _find_url(href, text, 0) >= 0 else "lacks"
        spot = matter.files.text(href) or matter.newsroom.in_template(href, link.words)
        yield TEXT_LINK.finding(f"the text part {fault} the link {short(href)}", spot)


def _find_url(url: str, text: str, start: int) -> int:
    at = text.find(url, start)
    while at >= 0 and not _AFTER_URL.match(text, at + len(url)):
        at = text.find(url, at + 1)
    return at


def doctype(matter: Matter) -> Iterator[Finding]:
    """One, and first."""
    html = matter.edition.html
    count = len(_DOCTYPE.findall(html))
    if count != 1:
        yield DOCTYPE.finding(
            f"the HTML has {count or 'no'} doctype{'s' if count > 1 else ''}", matter.newsroom.template
        )
    elif not _DOCTYPE.match(html.lstrip()):
        yield DOCTYPE.finding("something stands before the doctype", matter.newsroom.template)


def width(matter: Matter) -> Iterator[Finding]:
    """The widest fixed width, in what Outlook is told too. Images have a rule of their own."""
    html = re.sub(r"<img\b[^>]*>|@media[^{]*", "", matter.edition.html)
    widest = max((int(found[1]) for found in _FIXED_WIDTH.finditer(html)), default=0)
    if widest > WIDTH:
        spot = matter.newsroom.in_template(f"{widest}px", f'"{widest}"')
        yield TOO_WIDE.finding(f"something is {widest} px wide, {WIDTH} are the most", spot)
