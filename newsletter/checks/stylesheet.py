"""CSS as a check needs it: declarations, rules with their media, and what at-rules there are. Pure.

What is written in an e-mail is CSS 2 with media queries; this reads that much and drops what it cannot read, as mail
programs do (CSS Syntax Level 3, section 9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_COMMENT = re.compile(r"/\*.*?\*/|<!--|-->", re.DOTALL)
_STRING = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_BREAK = re.compile(rf"{_STRING}|[{{}};]")
_DECLARATION = re.compile(rf"((?:{_STRING}|\([^()]*\)|[^;\"'()])+)")
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
_IDS, _CLASSES = re.compile(r"#[\w-]+"), re.compile(r"\.[\w-]+|\[[^\]]*\]|(?<!:):[\w-]+")
_TYPES = re.compile(r"(?<![\w-])[a-zA-Z][\w-]*")
_GROUPING = ("@media", "@supports", "@layer", "@container")


@dataclass(frozen=True, slots=True)
class Declaration:
    """`property: value`, the property in lower case, the value without `!important`."""

    name: str
    value: str
    important: bool = False


@dataclass(frozen=True, slots=True)
class StyleRule:
    """One selector with its declarations. `media` holds the preludes around it, "" where there are none."""

    selector: str
    declarations: tuple[Declaration, ...]
    media: str
    order: int

    @property
    def specificity(self) -> tuple[int, int, int]:
        """Ids, classes with attributes and pseudo-classes, types (Selectors Level 3, section 9)."""
        rest, ids = _IDS.subn("", self.selector)
        rest, classes = _CLASSES.subn("", rest)
        return ids, classes, len(_TYPES.findall(rest))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stylesheet:
    """The rules of style elements, and the at-rules among them as (name, whether it stands within another)."""

    rules: tuple[StyleRule, ...] = ()
    at_rules: tuple[tuple[str, bool], ...] = ()


@dataclass(slots=True)
class _Reading:
    rules: list[StyleRule] = field(default_factory=list)
    at_rules: list[tuple[str, bool]] = field(default_factory=list)


def declarations(text: str) -> Iterator[Declaration]:
    """The declarations of a style attribute or of a rule's block, in order."""
    for found in _DECLARATION.finditer(text):
        name, colon, value = found[1].partition(":")
        if colon and name.strip() and value.strip():
            plain = _IMPORTANT.sub("", value)
            yield Declaration(name.strip().lower(), plain.strip(), plain != value)


def read_stylesheet(blocks: list[tuple[str, str]]) -> Stylesheet:
    """The rules in style elements.

    Args:
        blocks: each element's `media` attribute and its text.
    """
    reading = _Reading()
    for media, text in blocks:
        _read(_COMMENT.sub(" ", text), media, reading)
    return Stylesheet(rules=tuple(reading.rules), at_rules=tuple(reading.at_rules))


def _read(text: str, media: str, reading: _Reading) -> None:
    """Blocks of `text`, one after another; grouping at-rules are entered by a stack rather than by calls."""
    around: list[str] = [media] if media else []
    entered: list[bool] = []
    prelude, start = "", 0
    for found in _BREAK.finditer(text):
        sign = found[0]
        if sign[0] in "\"'":
            continue
        before = (prelude + text[start : found.start()]).strip()
        start = found.end()
        if sign == "{":
            _open(before, around, entered, reading)
        elif sign == "}" and entered:
            if entered.pop():
                around.pop()
            elif before and reading.rules:
                _fill(before, reading)
        elif sign == ";" and before.startswith("@"):
            reading.at_rules.append((before.split(maxsplit=1)[0].lower(), bool(around)))
        elif sign == ";" and entered and not entered[-1]:
            prelude = before + ";"
            continue
        prelude = ""


def _open(before: str, around: list[str], entered: list[bool], reading: _Reading) -> None:
    name = before.split(maxsplit=1)[0].split("(", maxsplit=1)[0].lower() if before else ""
    if name.startswith("@"):
        reading.at_rules.append((name, bool(entered)))
    grouping = name in _GROUPING
    entered.append(grouping)
    if grouping:
        around.append(before)
    else:
        reading.rules.append(StyleRule(before, (), " and ".join(around), len(reading.rules)))


def _fill(block: str, reading: _Reading) -> None:
    """Give the rule that was opened last its declarations, one rule for each of its selectors."""
    opened = reading.rules.pop()
    read = tuple(declarations(block))
    for selector in opened.selector.split(","):
        if selector.strip():
            reading.rules.append(StyleRule(selector.strip(), read, opened.media, len(reading.rules)))
