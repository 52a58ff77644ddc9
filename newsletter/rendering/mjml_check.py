"""A strict check of MJML, because the compiler accepts nonsense: unknown
elements leak, bad colours pass, nesting crashes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from newsletter.errors import InputError
from newsletter.rendering.mjml_rules import EVERYWHERE, RULES, UNSUPPORTED, UNSUPPORTED_ATTRIBUTES, Rule
from newsletter.rendering.template_folder import TemplateFolder
from newsletter.rendering.template_language import PLACE, without_places
from newsletter.settings import nearest

LARGEST = 4 * 1024 * 1024
DEEPEST = 60
"""Elements within elements. The compiler's stack ends at 16,000; no client needs more than some dozens."""
INCLUDES_DEEP = 5

_COLOR = re.compile(r"#[0-9a-fA-F]{6}|transparent")
_FETCHES = re.compile(r"@import|url\s*\(|@font-face", re.IGNORECASE)
_NUMBER = r"-?\d+(?:\.\d+)?"


def check_mjml(mjml: str, template: TemplateFolder, *, file: str) -> None:
    """Refuse MJML that is not strictly right, or that includes something from outside the template's folder.

    Args:
        mjml: the filled template, its elements marked with their places (`template_language.PLACE`).
        template: names the places, and holds what may be included.
        file: the file that was filled.

    Raises:
        InputError: the first fault, with file, line and column.
    """
    _Check(template, file, ()).document(mjml)


class _Check:
    def __init__(self, template: TemplateFolder, file: str, trail: tuple[str, ...]) -> None:
        self._template = template
        self._file = file
        self._trail = trail

    def document(self, mjml: str) -> None:
        root = self._parse(mjml)
        if root.tag != "mjml":
            raise self._fault(root, f"the first element is <{root.tag}>, not <mjml>")
        self._element(root, "", 1)
        if [child.tag for child in _elements(root)].count("mj-body") != 1:
            raise self._fault(root, "there must be exactly one <mj-body>")

    def _parse(self, mjml: str) -> Any:
        if len(mjml) > LARGEST:
            raise InputError(
                f"the filled template is larger than {LARGEST >> 20} MiB", where=self._template.where(self._file)
            )
        if "<!DOCTYPE" in mjml or "<!ENTITY" in mjml:
            raise InputError("a document type has no place in MJML", where=self._template.where(self._file))
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            return etree.fromstring(mjml.encode(), parser)
        except etree.XMLSyntaxError as error:
            raise self._malformed(mjml, error) from None

    def _malformed(self, mjml: str, error: Any) -> InputError:
        """The parser's complaint at the place of the last MJML element before it; the filled text is no place."""
        line, column = error.position
        lines = mjml.split("\n")
        before = "\n".join([*lines[: line - 1], lines[line - 1][: max(column - 1, 0)] if line <= len(lines) else ""])
        places = re.findall(rf'{PLACE}="([^"]*)"', before)
        text = re.sub(r", line \d+, column \d+( \(.*\))?$", "", str(error.msg))
        remedy = "Close what is opened, and write & as &amp; and spaces that do not break as &#160;"
        return InputError(
            f"this is not well-formed: {text}" + (f" (after the element at {places[-1]})" if places else ""),
            where=self._where(places[-1] if places else None),
            remedy=remedy,
        )

    def _element(self, element: Any, parent: str, depth: int) -> None:
        tag = str(element.tag)
        if depth > DEEPEST:
            raise self._fault(element, f"elements are nested more than {DEEPEST} deep")
        if tag in UNSUPPORTED:
            raise self._fault(element, f"<{tag}> cannot be used: {UNSUPPORTED[tag]}")
        rule = RULES.get(tag)
        if rule is None:
            raise self._fault(element, f"there is no MJML element <{tag}>", nearest(tag, list(RULES)))
        if parent != "mj-attributes" and parent not in rule.parents:
            raise self._fault(element, f"<{tag}> cannot stand in <{parent}>", _rooms(rule))
        self._attributes(element, tag, rule, defaults=parent == "mj-attributes")
        if tag == "mj-include":
            self._include(element, parent)
        self._content(element, tag, rule, depth)

    def _attributes(self, element: Any, tag: str, rule: Rule, *, defaults: bool) -> None:
        known = rule.attributes | (EVERYWHERE if _in_body(rule) else {})
        if tag in {"mj-all", "mj-class"}:
            known = {name: kind for other in RULES.values() for name, kind in other.attributes.items()} | {
                "name": "string"
            }
        for name, value in element.attrib.items():
            if name == PLACE:
                continue
            if (tag, name) in UNSUPPORTED_ATTRIBUTES:
                raise self._fault(element, f"{name!r} of <{tag}> cannot be used: {UNSUPPORTED_ATTRIBUTES[tag, name]}")
            if name not in known:
                raise self._fault(element, f"<{tag}> has no attribute {name!r}", nearest(name, sorted(known)))
            if not _fits(value, known[name]):
                raise self._fault(element, f"{name}={value!r} of <{tag}> is no {_said(known[name])}")
        for name in () if defaults else sorted(rule.required):
            if name not in element.attrib:
                raise self._fault(element, f"<{tag}> needs the attribute {name!r}", f"Add {name}")

    def _content(self, element: Any, tag: str, rule: Rule, depth: int) -> None:
        if rule.holds == "html":
            self._html(element, depth)
            return
        children = list(_elements(element))
        if rule.holds != "elements" and children:
            raise self._fault(children[0], f"<{tag}> holds no elements")
        if rule.holds != "text" and any(text.strip() for text in _texts(element)):
            raise self._fault(element, f"<{tag}> holds no text", "Put the text into <mj-text>")
        if tag == "mj-style" and (found := _FETCHES.search("".join(_texts(element)))):
            raise self._fault(element, f"{found[0]!r} has no place in <mj-style>: an edition fetches nothing")
        for child in children:
            self._element(child, tag, depth + 1)

    def _html(self, element: Any, depth: int) -> None:
        for child in _elements(element):
            if str(child.tag).startswith("mj"):
                raise self._fault(child, f"<{child.tag}> cannot stand in the text of <{element.tag}>")
            if depth > DEEPEST:
                raise self._fault(child, f"elements are nested more than {DEEPEST} deep")
            self._html(child, depth + 1)

    def _include(self, element: Any, parent: str) -> None:
        path = element.get("path")
        text = include(self._template, path) if path else None
        if text is None:
            raise self._fault(element, f"{path!r} cannot be included: it is no .mjml file in this template's folder")
        if path in self._trail or len(self._trail) >= INCLUDES_DEEP:
            raise self._fault(element, f"{path!r} includes itself, or is included too deep")
        inner = _Check(self._template, path, (*self._trail, path))
        for child in _elements(inner._parse(f"<include>{text}</include>")):
            inner._element(child, parent, len(self._trail) + 2)

    def _where(self, place: str | None) -> str:
        if place is None:
            return self._template.where(self._file)
        file, line, column = place.rsplit(":", 2)
        return self._template.where(file, int(line), int(column))

    def _fault(self, element: Any, what: str, remedy: str = "Correct the template") -> InputError:
        nearby = element
        while nearby is not None and nearby.get(PLACE) is None:
            nearby = nearby.getparent()
        if nearby is None:
            return InputError(what, where=self._template.where(self._file, element.sourceline), remedy=remedy)
        return InputError(what, where=self._where(nearby.get(PLACE)), remedy=remedy)


def include(template: TemplateFolder, path: str) -> str | None:
    """The text of an `.mjml` file in the template's folder; None for any
    other path, `..` and absolute ones among them.
    """
    name = path.removeprefix("./")
    return without_places(template.files[name]) if name.endswith(".mjml") and name in template.files else None


def _elements(element: Any) -> Iterator[Any]:
    return (child for child in element if isinstance(child.tag, str))


def _texts(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield child.tail or ""


def _in_body(rule: Rule) -> bool:
    return not rule.parents & {"", "mjml", "mj-head", "mj-attributes"} or "mj-body" in rule.parents


def _rooms(rule: Rule) -> str:
    rooms = ", ".join(f"<{parent}>" for parent in sorted(rule.parents) if parent)
    return f"It stands in {rooms}" if rooms else "It is the outermost element"


def _fits(value: str, kind: str) -> bool:
    name, _, details = kind.partition(":")
    if name == "color":
        return bool(_COLOR.fullmatch(value))
    if name == "boolean":
        return value in {"true", "false"}
    if name == "integer":
        return value.isascii() and value.isdigit()
    if name == "enum":
        return value in details.split(",")
    if name == "unit":
        return _measured(value, details)
    return True


def _measured(value: str, details: str) -> bool:
    units, _, times = details.partition("*")
    parts = value.split()
    return 1 <= len(parts) <= int(times or 1) and all(_one_measure(part, units.split(",")) for part in parts)


def _one_measure(part: str, units: list[str]) -> bool:
    if part in {"0", *(set(units) & {"auto"})}:
        return True
    return any(re.fullmatch(_NUMBER + re.escape(unit), part) for unit in units if unit != "auto")


def _said(kind: str) -> str:
    name, _, details = kind.partition(":")
    said = {
        "color": "colour of six hexadecimal digits",
        "unit": "measure",
        "enum": "known word",
        "integer": "whole number",
    }
    return said.get(name, name) + (f" ({details.replace('*4', ', up to four')})" if details else "")
