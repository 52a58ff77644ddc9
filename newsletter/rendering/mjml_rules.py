"""What MJML allows: for each element its parents, its attributes with their types, and whether it holds text or elements.

`mjml_table.json` is read from the reference package's own tables by scripts/mjml-rules; what stands here is what those
tables leave out, what we ask beyond them, and what our compiler cannot do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What one element may be. `holds` is `elements`, `html` (checked for being well-formed), `text` or `nothing`.

    Types of attributes are written as the reference writes them: `color`, `unit(px,%){1,4}`, `enum(left,right)`.
    """

    parents: frozenset[str]
    holds: str = "elements"
    attributes: dict[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


EVERYWHERE = {"css-class": "string", "mj-class": "string"}
"""Attributes that every element may carry (the reference's validator lists them apart from its tables)."""

_TEXT = frozenset({"mj-title", "mj-preview", "mj-style"})
_EMPTY = frozenset({"mj-breakpoint", "mj-carousel-image"})
_ANY_ELEMENT = "*"
_REQUIRED = {
    "mjml": {"lang", "dir"},
    "mj-breakpoint": {"width"},
    "mj-image": {"alt", "src", "width"},
    "mj-social-element": {"alt"},
    "mj-carousel-image": {"alt", "src"},
    "mj-class": {"name"},
    "mj-include": {"path"},
}
# Elements that the reference's parser knows and its tables do not.
_BEYOND = {
    "mjml": ((), {"lang": "string", "dir": "enum(ltr,rtl,auto)", "owa": "enum(desktop)"}),
    "mj-all": (("mj-attributes",), {}),
    "mj-class": (("mj-attributes",), {"name": "string"}),
    "mj-include": (
        ("mjml", "mj-head", "mj-attributes", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"),
        {"path": "string", "type": "string"},
    ),
}  # fmt: skip

UNSUPPORTED = {
    "mj-font": "no remote fonts: name fonts that every machine has",
    "mj-preview": "its white text counts as spam: write a hidden preheader of your own in mj-raw",
    "mj-html-attributes": "the compiler cannot do it",
    "mj-selector": "the compiler cannot do it",
    "mj-html-attribute": "the compiler cannot do it",
}
"""Elements of MJML that are refused, each with the reason."""

IGNORED = "the compiler ignores it"
UNSUPPORTED_ATTRIBUTES = {
    ("mj-style", "inline"): "the compiler leaves it in the head: put plain rules in author.css",
    ("mj-raw", "position"): IGNORED,
    ("mj-include", "type"): "only MJML can be included",
    ("mj-body", "id"): IGNORED,
    ("mj-section", "gutter"): IGNORED,
    ("mj-wrapper", "gutter"): IGNORED,
    ("mj-wrapper", "gap"): IGNORED,
    ("mj-button", "title"): IGNORED,
    ("mj-image", "sizes"): IGNORED,
    ("mj-text", "background-color"): IGNORED,
    **{("mj-spacer", "border" + side): IGNORED for side in ("", "-top", "-right", "-bottom", "-left")},
}
"""Attributes of MJML that the compiler gets wrong (measured with mrml 6.0.1), each with the reason."""


def _rules(elements: dict[str, Any]) -> dict[str, Rule]:
    parents: dict[str, set[str]] = {name: set() for name in elements}
    for parent, element in elements.items():
        for child in element["children"]:
            if child != _ANY_ELEMENT:
                parents[child].add(parent)
    rules = {
        name: Rule(
            parents=frozenset(parents[name]),
            holds=_holds(name, element),
            attributes=element["attributes"],
            required=frozenset(_REQUIRED.get(name, ())),
        )
        for name, element in elements.items()
    }
    for name, (rooms, attributes) in _BEYOND.items():
        holds = "elements" if name == "mjml" else "nothing"
        required = frozenset(_REQUIRED.get(name, ()))
        rules[name] = Rule(
            parents=frozenset(rooms) or frozenset({""}), holds=holds, attributes=attributes, required=required
        )
    return rules


def _holds(name: str, element: dict[str, Any]) -> str:
    if name in _TEXT:
        return "text"
    if element["text"] and name not in _EMPTY:
        return "html"
    return "elements" if element["children"] or name == "mj-attributes" else "nothing"


_TABLE = json.loads(Path(__file__).with_name("mjml_table.json").read_bytes())
SOURCE: str = _TABLE["source"]
"""The reference package and its version."""
RULES: dict[str, Rule] = _rules(_TABLE["elements"])
"""Every element of MJML by name."""
ALL_ATTRIBUTES: dict[str, str] = {name: kind for rule in RULES.values() for name, kind in rule.attributes.items()}
"""Every attribute of any element, for `mj-all` and `mj-class`."""
