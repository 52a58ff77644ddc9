"""Weight: what mail programs cut off or drop when there is too much of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import escape

from newsletter.checks.rule import Group, Rule
from newsletter.checks.subject import Matter
from newsletter.findings import Finding, Severity
from newsletter.rendering.languages import short_date
from newsletter.tokens import FRESH_LENGTH, LENGTH

KB = 1024
WARN_BYTES, MOST_BYTES = 85 * KB, 100 * KB
"""Gmail clips at about 102 KB of HTML and hides the rest, the unsubscribe link with it."""
STYLE_BYTES = 15 * KB
"""Gmail drops style elements past 16 KB in all."""
LONGEST_NAME, LONGEST_ADDRESS = 200, 254

_CLIPPING = "https://github.com/hteumeuleu/email-bugs/issues/41"
_STYLES = "https://www.caniemail.com/features/html-style/"

SIZE_LARGE = Rule(
    code="SIZE-LARGE",
    severity=Severity.WARNING,
    group=Group.SIZE,
    title="e-mail is large",
    why=f"Gmail cuts the end off past about 102 KB; from {WARN_BYTES // KB} KB on one more quote may be too much.",
    source=_CLIPPING,
    fix="Shorten or leave out a quote",
)
SIZE_CLIPPED = Rule(
    code="SIZE-CLIPPED",
    severity=Severity.ERROR,
    group=Group.SIZE,
    title="e-mail would be cut off",
    why="Gmail shows about 102 KB and hides the rest, the unsubscribe link with it.",
    source=_CLIPPING,
    fix="Leave out quotes until it is below; the whole can stand online",
)
SIZE_STYLES = Rule(
    code="SIZE-STYLES",
    severity=Severity.ERROR,
    group=Group.SIZE,
    title="too much CSS",
    why=f"Gmail drops style elements past 16 KB in all; dark mode and the phone’s layout go with them at {STYLE_BYTES // KB} KB.",
    source=_STYLES,
    fix="Take rules out of the template’s mj-style",
)
STYLE_NESTED = Rule(
    code="STYLE-NESTED",
    severity=Severity.ERROR,
    group=Group.SIZE,
    title="@ rule within an @ rule",
    why="Gmail drops a whole style element when an @ rule stands within another.",
    source="https://www.caniemail.com/features/css-at-media/",
    fix="Write the two conditions as one, joined by `and`, or as two rules beside each other",
    example="@media (a) { @media (b) { … } } becomes @media (a) and (b) { … }",
)
RULES = (SIZE_LARGE, SIZE_CLIPPED, SIZE_STYLES, STYLE_NESTED)


def weight(matter: Matter) -> Iterator[Finding]:
    """The HTML as the reader with the longest values gets it."""
    size = longest_html(matter)
    if size > MOST_BYTES:
        yield SIZE_CLIPPED.finding(f"the HTML has {_kb(size)}, {_kb(MOST_BYTES)} are the most")
    elif size > WARN_BYTES:
        yield SIZE_LARGE.finding(f"the HTML has {_kb(size)} of the {_kb(MOST_BYTES)} that are the most")


def styles(matter: Matter) -> Iterator[Finding]:
    """Style elements as a whole."""
    size = matter.page.style_bytes
    if size > STYLE_BYTES:
        message = f"the style elements have {_kb(size)}, {_kb(STYLE_BYTES)} are the most"
        yield SIZE_STYLES.finding(message, matter.newsroom.in_template("<mj-style"))
    for name, nested in matter.page.stylesheet.at_rules:
        if nested:
            yield STYLE_NESTED.finding(f"{name} stands within another @ rule", matter.newsroom.in_template(name))


def longest_html(matter: Matter) -> int:
    """Bytes of the decoded HTML with the longest value in each slot."""
    edition, settings = matter.edition, matter.settings
    titles = [escape(chosen.title) for name, chosen in settings.lists.items() if name in matter.issue.lists] or [""]
    longest = {
        "leave": LENGTH,
        "track": LENGTH,
        "fresh": FRESH_LENGTH,
        "list": max(len(title.encode()) for title in titles),
        "since": max(len(short_date(date(2026, month, 28), edition.language).encode()) for month in range(1, 13)),
        "name": LONGEST_NAME,
        "address": LONGEST_ADDRESS,
    }
    slots = edition.slots
    return sum(len(text.encode()) + (longest[slot] if slot else 0) for text, slot in slots.split(edition.html))


def _kb(size: int) -> str:
    return f"{size / KB:.1f} KB".replace(".0 ", " ")
