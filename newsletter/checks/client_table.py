"""Our table of what fails where: features of CSS and HTML that a template could use, each with its source.

Compiled from the test results of caniemail.com (its data as of May 2026); what gets lost without harm is an info, what tears
the layout or hides words is a warning. Only what a template can hold is listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.findings import Severity

_SITE = "https://www.caniemail.com/features/"
_W, _I = Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True)
class Feature:
    """One row. `where` says what the pattern is matched with.

    - `declaration`: `property: value` of inline styles and of rules outside media queries (what stands within them is
      an enhancement: programs that fail the feature do not read the query either, or were asked for by it);
    - `at`: the name of an at-rule;
    - `selector`: the selector of a rule;
    - `element`: `tag` of the HTML; `attribute`: `tag name=value`.
    """

    code: str
    name: str
    where: str
    pattern: re.Pattern[str]
    clients: str
    instead: str
    page: str
    severity: Severity = _W

    @property
    def source(self) -> str:
        """The page with the test results."""
        return f"{_SITE}{self.page}/"


def _row(  # noqa: PLR0917 - a table is read by its columns
    code: str, name: str, where: str, pattern: str, clients: str, instead: str, page: str, severity: Severity = _W
) -> Feature:
    return Feature(f"CLIENT-{code}", name, where, re.compile(pattern, re.IGNORECASE), clients, instead, page, severity)


_WORD = "Outlook on Windows"
_WORD_YAHOO = "Outlook on Windows, Yahoo, AOL"
_MANY = "Gmail, Outlook, Yahoo, AOL"

FEATURES: tuple[Feature, ...] = (
    _row("FLEX", "display: flex", "declaration", r"^display: (inline-)?flex", f"{_WORD}; Gmail’s apps with other accounts",
         "Use mj-section and mj-column; flex may stand in a media query", "css-display-flex"),
    _row("GRID", "display: grid", "declaration", r"^display: (inline-)?grid", f"{_WORD}; Gmail’s apps with other accounts",
         "Use mj-section and mj-column",
         "css-display-grid"),
    _row("POSITION", "position", "declaration", r"^position: (absolute|fixed|sticky|relative)",
         "Gmail, Outlook on Windows and iOS", "Place it with tables and padding", "css-position"),
    _row("FLOAT", "float", "declaration", r"^float: (left|right)", _WORD, "Use two mj-columns", "css-float"),
    _row("RADIUS", "border-radius", "declaration", r"^border(-\w+)*-radius: (?!0(px|%)?(\s|$))", _WORD,
         "Nothing: corners are square there", "css-border-radius", _I),
    _row("BOX-SHADOW", "box-shadow", "declaration", r"^box-shadow: (?!none)", "Gmail on the web, Outlook on Windows, Yahoo, AOL",
         "Add a border where the edge must show", "css-box-shadow", _I),
    _row("TEXT-SHADOW", "text-shadow", "declaration", r"^text-shadow: (?!none)", "Gmail, Outlook",
         "See that the text reads without it", "css-text-shadow", _I),
    _row("GRADIENT", "gradient", "declaration", r"-gradient\(", "Outlook, Yahoo, AOL", "Use one colour for the ground",
         "css-linear-gradient"),
    _row("BACKGROUND-IMAGE", "background image", "declaration", r"^background(-image)?: .*url\(", _WORD,
         "Use a colour, or an mj-image", "css-background-image"),
    _row("RGBA", "translucent colour", "declaration", r"(rgba|hsla)\(", _WORD, "Write the colour as #rrggbb", "css-rgba"),
    _row("MODERN-COLOR", "modern colour", "declaration", r"\b(oklch|oklab|lch|lab|hwb|color-mix|color)\(",
         "Gmail, Outlook, Yahoo, AOL, Samsung", "Write the colour as #rrggbb", "css-modern-color"),
    _row("VARIABLE", "CSS variable", "declaration", r"^--|var\(", _MANY, "Take the value from [brand] with {{ brand.… }}",
         "css-variables"),
    _row("CALC", "calc()", "declaration", r"calc\(", "Outlook, Yahoo, AOL", "Write the length in px", "css-unit-calc"),
    _row("REM", "rem or ch", "declaration", r"\d(rem|ch)\b", _WORD_YAHOO, "Write the length in px", "css-unit-rem"),
    _row("VIEWPORT", "vw or vh", "declaration", r"\d(vw|vh|vmin|vmax)\b", _WORD, "Write the length in px or %", "css-unit-vw"),
    _row("TRANSFORM", "transform", "declaration", r"^transform: (?!none)", _MANY, "Do without it", "css-transform"),
    _row("ANIMATION", "animation", "declaration", r"^(animation(-name)?|transition): (?!none)", _MANY,
         "See that the first state says everything", "css-animation", _I),
    _row("FILTER", "filter", "declaration", r"^(backdrop-)?filter: (?!none)", _MANY, "Change the image itself", "css-filter"),
    _row("CLIP", "clip-path", "declaration", r"^clip-path: (?!none)", _MANY, "Change the image itself", "css-clip-path"),
    _row("OBJECT-FIT", "object-fit", "declaration", r"^object-fit: ", _WORD_YAHOO, "Crop the image itself", "css-object-fit"),
    _row("GAP", "gap", "declaration", r"^(row-|column-)?gap: (?!0|normal)", _WORD_YAHOO, "Use padding", "css-gap"),
    _row("LOGICAL", "logical property", "declaration", r"^((margin|padding)-(inline|block)|(inline|block)-size)", _MANY,
         "Use left, right, top, bottom; templates get {{ start }} and {{ end }}", "css-padding-inline-block"),
    _row("FONT-FACE", "@font-face", "at", r"^@font-face", "Gmail, Outlook, Yahoo, AOL",
         "Set the font stack in [brand]; nothing is loaded from outside", "css-at-font-face"),
    _row("IMPORT", "@import", "at", r"^@import", "Gmail, Outlook, Yahoo, AOL, Samsung", "Write the rules into the template",
         "css-at-import"),
    _row("SUPPORTS", "@supports", "at", r"^@supports", "Gmail, Outlook", "Write rules that need no question",
         "css-at-supports"),
    _row("NESTING", "nested rule", "selector", r"&", _MANY, "Write each selector out", "css-nesting"),
    _row("SVG", "SVG", "element", r"^svg$", _MANY, "Use a PNG", "html-svg"),
    _row("VIDEO", "video", "element", r"^video$", _MANY, "Link a still image to the film", "html-video"),
    _row("AUDIO", "audio", "element", r"^audio$", _MANY, "Link to the recording", "html-audio"),
    _row("FORM", "form", "element", r"^(form|input|select|textarea)$", "Outlook on the desktop, Yahoo on iOS",
         "Link to a page with the form", "html-form"),
    _row("PICTURE", "picture", "element", r"^picture$", _MANY, "Use one mj-image", "html-picture"),
    _row("SRCSET", "srcset", "attribute", r"^img srcset=", _MANY, "Give one image, twice as large as shown", "html-srcset"),
    _row("OBJECT", "embedded page", "element", r"^(object|embed|iframe)$", _MANY, "Link to it", "html-object"),
    _row("BASE", "base", "element", r"^base$", "Outlook on Android; others in part", "Write whole addresses", "html-base"),
    _row("STYLESHEET", "linked stylesheet", "element", r"^link$", _MANY, "Write the rules into the template", "html-link"),
    _row("DIALOG", "dialog", "element", r"^dialog$", _MANY, "Show the words as they are", "html-dialog"),
    _row("ANCHOR", "link within the e-mail", "attribute", r"^a href=#", "Gmail on iOS, Yahoo, AOL and Samsung on phones",
         "Take the link out; the contents line works without links", "html-anchor-links"),
    _row("SEMANTIC", "sectioning element", "element", r"^(article|section|nav|header|footer|aside|main|figure|figcaption)$",
         "Outlook on Windows, Yahoo, AOL", "Nothing: they show it as a plain block", "html-semantics", _I),
)  # fmt: skip
