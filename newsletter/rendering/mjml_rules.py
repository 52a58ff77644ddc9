"""What MJML allows: for each element its parents, its attributes with
their types, and whether it holds text or elements.

Written from MJML's published component reference (mjml 4): data only, read by `mjml_check`.
A type is `color`, `string`, `boolean`, `integer`, `enum:a,b` or
`unit:px,%` with an optional `*4` for up to four values.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_PX, _SIZE, _FOUR = "unit:px", "unit:px,%", "unit:px,%*4"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What one element may be. `holds` is `elements`, `html` (checked for being well-formed), `text` or `nothing`."""

    parents: frozenset[str]
    holds: str = "elements"
    attributes: dict[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


def _paddings(name: str = "padding", kind: str = _FOUR) -> dict[str, str]:
    return {name: kind} | {f"{name}-{side}": _SIZE for side in ("top", "right", "bottom", "left")}


def _borders(prefix: str = "") -> dict[str, str]:
    names = ["border", *(f"border-{side}" for side in ("top", "right", "bottom", "left"))]
    return {prefix + name: "string" for name in names} | {prefix + "border-radius": _FOUR}


_FONT = {
    "color": "color", "font-family": "string", "font-size": _PX, "font-style": "string", "font-weight": "string",
    "letter-spacing": "unit:px,em", "line-height": "unit:px,%,", "text-decoration": "string",
    "text-transform": "string",
}  # fmt: skip
_BACKGROUND = {
    "background-color": "color", "background-url": "string", "background-repeat": "enum:repeat,no-repeat",
    "background-size": "string", "background-position": "string", "background-position-x": "string",
    "background-position-y": "string",
}  # fmt: skip
_SECTION = {
    **_BACKGROUND, **_borders(), **_paddings(), "direction": "enum:ltr,rtl", "full-width": "enum:full-width,false,",
    "text-align": "enum:left,center,right", "text-padding": _FOUR, "gap": _PX,
}  # fmt: skip
_CELL = {**_paddings(), "container-background-color": "color"}
_INLINE = "enum:left,center,right"
_VERTICAL = "enum:top,bottom,middle"
_IN_COLUMN = frozenset({"mj-column", "mj-hero"})
_ROOMS = frozenset({"mj-body", "mj-wrapper"})
_ANYWHERE = frozenset({"mj-head", "mj-body", "mj-wrapper", "mj-section", "mj-column", "mj-group", "mj-hero"})
_HEAD = frozenset({"mj-head"})

_SOCIAL = {
    **_FONT, "border-radius": _PX, "icon-height": _SIZE, "icon-size": _SIZE, "icon-padding": _FOUR,
    "text-padding": _FOUR,
}  # fmt: skip
_ACCORDION = {
    "border": "string", "font-family": "string", "icon-align": _VERTICAL, "icon-height": _SIZE, "icon-width": _SIZE,
    "icon-position": "enum:left,right", "icon-wrapped-alt": "string", "icon-wrapped-url": "string",
    "icon-unwrapped-alt": "string", "icon-unwrapped-url": "string", "background-color": "color",
}  # fmt: skip
_ACCORDION_PART = {
    **_paddings(), "background-color": "color", "color": "color", "font-family": "string", "font-size": _PX,
    "font-weight": "string", "line-height": "unit:px,%,", "letter-spacing": "unit:px,em",
}  # fmt: skip
_NAVBAR_LINK = {
    **_FONT, **_paddings(), "href": "string", "name": "string", "rel": "string", "target": "string",
}  # fmt: skip

EVERYWHERE = {"css-class": "string", "mj-class": "string"}
"""Attributes that every element of the body may carry."""

RULES: dict[str, Rule] = {
    "mjml": Rule(
        parents=frozenset({""}),
        attributes={"lang": "string", "dir": "enum:ltr,rtl,auto", "owa": "enum:desktop"},
        required=frozenset({"lang", "dir"}),
    ),
    "mj-head": Rule(parents=frozenset({"mjml"})),
    "mj-body": Rule(
        parents=frozenset({"mjml"}), attributes={"width": _PX, "background-color": "color", "id": "string",
        "css-class": "string"}
    ),
    "mj-include": Rule(
        parents=_ANYWHERE | {"mjml", "mj-attributes"}, holds="nothing", attributes={"path": "string"},
        required=frozenset({"path"}),
    ),
    "mj-attributes": Rule(parents=_HEAD),
    "mj-all": Rule(parents=frozenset({"mj-attributes"}), holds="nothing"),
    "mj-class": Rule(parents=frozenset({"mj-attributes"}), holds="nothing", required=frozenset({"name"})),
    "mj-breakpoint": Rule(parents=_HEAD, holds="nothing", attributes={"width": _PX}, required=frozenset({"width"})),
    "mj-title": Rule(parents=_HEAD, holds="text"),
    "mj-preview": Rule(parents=_HEAD, holds="text"),
    "mj-style": Rule(parents=_HEAD, holds="text"),
    "mj-font": Rule(parents=_HEAD, holds="nothing", attributes={"name": "string", "href": "string"}),
    "mj-raw": Rule(parents=_ANYWHERE, holds="html", attributes={"position": "enum:file-start"}),
    "mj-wrapper": Rule(parents=frozenset({"mj-body"}), attributes=_SECTION),
    "mj-section": Rule(parents=_ROOMS, attributes=_SECTION),
    "mj-group": Rule(
        parents=frozenset({"mj-section"}),
        attributes={"background-color": "color", "direction": "enum:ltr,rtl", "vertical-align": _VERTICAL,
        "width": _SIZE},
    ),
    "mj-column": Rule(
        parents=frozenset({"mj-section", "mj-group"}),
        attributes={
            **_borders(), **_borders("inner-"), **_paddings(), "background-color": "color",
            "inner-background-color": "color", "direction": "enum:ltr,rtl", "vertical-align": _VERTICAL, "width": _SIZE,
        },
    ),
    "mj-hero": Rule(
        parents=_ROOMS,
        attributes={
            **_BACKGROUND, **_paddings(), **_paddings("inner-padding"), "mode": "enum:fixed-height,fluid-height",
            "height": _SIZE, "width": _SIZE, "background-width": _SIZE, "background-height": _SIZE,
            "border-radius": "string", "container-background-color": "color", "inner-background-color": "color",
            "vertical-align": _VERTICAL,
        },
    ),
    "mj-text": Rule(
        parents=_IN_COLUMN, holds="html",
        attributes={**_FONT, **_CELL, "align": "enum:left,right,center,justify", "background-color": "color",
        "height": _SIZE,
                    "vertical-align": _VERTICAL},
    ),
    "mj-button": Rule(
        parents=_IN_COLUMN, holds="html",
        attributes={
            **_FONT, **_CELL, **_borders(), "align": _INLINE, "background-color": "color", "height": _SIZE,
            "href": "string",
            "inner-padding": _FOUR, "name": "string", "rel": "string", "target": "string", "text-align": _INLINE,
            "title": "string", "vertical-align": _VERTICAL, "width": _SIZE,
        },
    ),
    "mj-image": Rule(
        parents=_IN_COLUMN, holds="nothing",
        attributes={
            **_CELL, **_borders(), "align": _INLINE, "alt": "string", "fluid-on-mobile": "boolean", "font-size": _PX,
            "height": "unit:px,auto", "href": "string", "max-height": _SIZE, "name": "string", "rel": "string",
            "sizes": "string", "src": "string", "srcset": "string", "target": "string", "title": "string",
            "usemap": "string", "width": _PX,
        },
        required=frozenset({"alt", "src", "width"}),
    ),
    "mj-divider": Rule(
        parents=_IN_COLUMN, holds="nothing",
        attributes={**_CELL, "align": _INLINE, "border-color": "color", "border-style": "string", "border-width": _PX,
                    "width": _SIZE},
    ),
    "mj-spacer": Rule(parents=_IN_COLUMN, holds="nothing", attributes={**_CELL, **_borders(), "height": _SIZE}),
    "mj-table": Rule(
        parents=_IN_COLUMN, holds="html",
        attributes={
            **_FONT, **_CELL, "align": _INLINE, "border": "string", "cellpadding": "integer", "cellspacing": "integer",
            "role": "enum:none,presentation", "table-layout": "enum:auto,fixed,initial,inherit",
            "vertical-align": _VERTICAL, "width": "unit:px,%,auto",
        },
    ),
    "mj-social": Rule(
        parents=_IN_COLUMN,
        attributes={**_SOCIAL, **_CELL, "align": _INLINE, "inner-padding": _FOUR, "mode": "enum:horizontal,vertical",
                    "table-layout": "enum:auto,fixed"},
    ),
    "mj-social-element": Rule(
        parents=frozenset({"mj-social"}), holds="html",
        attributes={
            **_SOCIAL, **_paddings(), "align": _INLINE, "alt": "string", "background-color": "color", "href": "string",
            "icon-position": "enum:left,right", "name": "string", "rel": "string", "sizes": "string", "src": "string",
            "srcset": "string", "target": "string", "title": "string", "vertical-align": _VERTICAL,
        },
        required=frozenset({"alt"}),
    ),
    "mj-navbar": Rule(
        parents=_IN_COLUMN,
        attributes={**_paddings(), "align": _INLINE, "base-url": "string", "hamburger": "string"},
    ),
    "mj-navbar-link": Rule(parents=frozenset({"mj-navbar"}), holds="html", attributes=_NAVBAR_LINK),
    "mj-accordion": Rule(parents=_IN_COLUMN, attributes={**_ACCORDION, **_CELL}),
    "mj-accordion-element": Rule(parents=frozenset({"mj-accordion"}), attributes=_ACCORDION),
    "mj-accordion-title": Rule(
        parents=frozenset({"mj-accordion-element"}), holds="html", attributes=_ACCORDION_PART
    ),
    "mj-accordion-text": Rule(parents=frozenset({"mj-accordion-element"}), holds="html", attributes=_ACCORDION_PART),
    "mj-carousel": Rule(
        parents=_IN_COLUMN,
        attributes={**_CELL, "align": _INLINE, "border-radius": _FOUR, "icon-width": _SIZE, "left-icon": "string",
                    "right-icon": "string", "thumbnails": "enum:visible,hidden,supported", "tb-border": "string",
                    "tb-border-radius": _SIZE, "tb-hover-border-color": "color", "tb-selected-border-color": "color",
                    "tb-width": _SIZE},
    ),
    "mj-carousel-image": Rule(
        parents=frozenset({"mj-carousel"}), holds="nothing",
        attributes={"alt": "string", "border-radius": _FOUR, "href": "string", "rel": "string", "src": "string",
                    "target": "string", "tb-border": "string", "tb-border-radius": _SIZE, "thumbnails-src": "string",
                    "title": "string"},
        required=frozenset({"alt", "src"}),
    ),
}  # fmt: skip

UNSUPPORTED = {
    "mj-font": "no remote fonts: name fonts that every machine has",
    "mj-preview": "its white text counts as spam: write a hidden preheader of your own in mj-raw",
    "mj-html-attributes": "the compiler cannot do it",
}
"""Elements of MJML that are refused, each with the reason."""

UNSUPPORTED_ATTRIBUTES = {
    ("mj-style", "inline"): "the compiler leaves it in the head: put plain rules in author.css",
    ("mj-raw", "position"): "the compiler ignores it",
    ("mj-include", "type"): "only MJML can be included",
}
"""Attributes of MJML that the compiler gets wrong, each with the reason."""
