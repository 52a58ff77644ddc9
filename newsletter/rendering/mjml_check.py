"""A strict check of MJML, because the compiler accepts nonsense: unknown
elements leak, bad colours pass, nesting crashes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from newsletter.rendering.mjml_html import faults_in_html, faults_in_style
from newsletter.rendering.mjml_parse import parse
from newsletter.rendering.mjml_rules import (
    ALL_ATTRIBUTES,
    EVERYWHERE,
    RULES,
    UNSUPPORTED,
    UNSUPPORTED_ATTRIBUTES,
    Rule,
)
from newsletter.rendering.mjml_values import fault_of
from newsletter.rendering.mjml_widths import Widths
from newsletter.rendering.template_faults import CORRECT, FaultyTemplateError
from newsletter.rendering.template_folder import TemplateFolder
from newsletter.rendering.template_language import PLACE, mark_places, without_places
from newsletter.settings import nearest

DEEPEST = 60
"""Elements within elements. The compiler's stack ends at 16,000; no client needs more than some dozens."""
INCLUDES_DEEP = 5


def check_mjml(mjml: str, template: TemplateFolder, *, file: str) -> None:
    """Refuse MJML that is not strictly right, or that includes something from outside the template's folder.

    Args:
        mjml: the filled template, its elements marked with their places (`template_language.PLACE`).
        template: names the places, and holds what may be included.
        file: the file that was filled.

    Raises:
        FaultyTemplateError: the first fault, with file, line and column.
    """
    for fault in mjml_faults(mjml, template, file=file):
        raise fault


def mjml_faults(mjml: str, template: TemplateFolder, *, file: str) -> Iterator[FaultyTemplateError]:
    """Every fault in the order found; the same arguments. Where it cannot be parsed, that is the only one."""
    try:
        root = parse(mjml, template, file)
    except FaultyTemplateError as fault:
        yield fault
        return
    yield from _Check(template, file, Widths(root), ()).document(root)


class _Check:
    def __init__(self, template: TemplateFolder, file: str, widths: Widths, trail: tuple[str, ...]) -> None:
        self._template = template
        self._file = file
        self._widths = widths
        self._trail = trail

    def document(self, root: Any) -> Iterator[FaultyTemplateError]:
        if root.tag != "mjml":
            yield self._fault(root, "TEMPLATE-ELEMENT", f"the first element is <{root.tag}>, not <mjml>")
            return
        yield from self._element(root, "", 1)
        if [child.tag for child in _elements(root)].count("mj-body") != 1:
            yield self._fault(root, "TEMPLATE-REQUIRED", "there must be exactly one <mj-body>")

    def _element(self, element: Any, parent: str, depth: int) -> Iterator[FaultyTemplateError]:
        tag = str(element.tag)
        rule = RULES.get(tag)
        if depth > DEEPEST:
            yield self._fault(element, "TEMPLATE-DEPTH", f"elements are nested more than {DEEPEST} deep")
        elif tag in UNSUPPORTED:
            yield self._fault(element, "TEMPLATE-UNSUPPORTED", f"<{tag}> cannot be used: {UNSUPPORTED[tag]}")
        elif rule is None:
            known = nearest(tag, list(RULES)) if tag.startswith("mj") else "HTML belongs in <mj-text> or <mj-raw>"
            yield self._fault(element, "TEMPLATE-ELEMENT", f"there is no MJML element <{tag}>", known)
        elif parent != "mj-attributes" and parent not in rule.parents:
            yield self._fault(element, "TEMPLATE-PARENT", f"<{tag}> cannot stand in <{parent}>", _rooms(rule))
        else:
            yield from self._attributes(element, tag, rule, defaults=parent == "mj-attributes")
            if tag == "mj-include":
                yield from self._include(element, parent)
            yield from self._content(element, tag, rule, depth)

    def _attributes(self, element: Any, tag: str, rule: Rule, *, defaults: bool) -> Iterator[FaultyTemplateError]:
        known = rule.attributes | EVERYWHERE
        if tag in {"mj-all", "mj-class"}:
            known = ALL_ATTRIBUTES | known
        for name, value in element.attrib.items():
            if name == PLACE:
                continue
            if (tag, name) in UNSUPPORTED_ATTRIBUTES:
                why = UNSUPPORTED_ATTRIBUTES[tag, name]
                yield self._fault(element, "TEMPLATE-UNSUPPORTED", f"{name!r} of <{tag}> cannot be used: {why}")
            elif name not in known:
                remedy = nearest(name, sorted(known))
                yield self._fault(element, "TEMPLATE-ATTRIBUTE", f"<{tag}> has no attribute {name!r}", remedy)
            elif wrong := fault_of(name, value, known[name]):
                yield self._fault(element, wrong[0], f"{name} of <{tag}>: {wrong[1]}")
        for name in () if defaults else sorted(rule.required - set(element.attrib)):
            code = "TEMPLATE-ALT" if name == "alt" else "TEMPLATE-REQUIRED"
            yield self._fault(element, code, f"<{tag}> needs the attribute {name!r}", f"Add {name}")

    def _content(self, element: Any, tag: str, rule: Rule, depth: int) -> Iterator[FaultyTemplateError]:
        if rule.holds == "html":
            for place, code, what in faults_in_html(element, depth, DEEPEST):
                yield self._fault(place, code, what)
            return
        children = list(_elements(element))
        if rule.holds != "elements" and children:
            yield self._fault(children[0], "TEMPLATE-CONTENT", f"<{tag}> holds no elements")
            return
        if rule.holds != "text" and any(text.strip() for text in _texts(element)):
            yield self._fault(element, "TEMPLATE-CONTENT", f"<{tag}> holds no text", "Put the text into <mj-text>")
        if tag == "mj-style" and (found := faults_in_style("".join(_texts(element)))):
            yield self._fault(element, *found)
        for child in children:
            yield from self._element(child, tag, depth + 1)
        if tag in {"mj-section", "mj-group"} and not any(child.tag == "mj-include" for child in children):
            for place, what in self._widths.faults(element):
                yield self._fault(place, "TEMPLATE-WIDTHS", what)

    def _include(self, element: Any, parent: str) -> Iterator[FaultyTemplateError]:
        path = element.get("path")
        if not path:
            return
        name = path.removeprefix("./")
        text = include(self._template, path)
        if text is None:
            what = f"{path!r} cannot be included: it is no .mjml file in this template's folder"
            yield self._fault(element, "TEMPLATE-INCLUDE", what)
        elif name in self._trail or len(self._trail) >= INCLUDES_DEEP:
            yield self._fault(element, "TEMPLATE-INCLUDE", f"{path!r} includes itself, or is included too deep")
        else:
            inner = _Check(self._template, name, self._widths, (*self._trail, name))
            try:
                root = parse(f"<include>{mark_places(text, name)}</include>", self._template, name)
            except FaultyTemplateError as fault:
                yield fault
                return
            for child in _elements(root):
                yield from inner._element(child, parent, len(self._trail) + 2)

    def _fault(self, element: Any, code: str, what: str, remedy: str = CORRECT) -> FaultyTemplateError:
        nearby = element
        while nearby is not None and nearby.get(PLACE) is None:
            nearby = nearby.getparent()
        if nearby is None:
            file = str(self._template.path(self._file))
            return FaultyTemplateError(code, what, file=file, line=element.sourceline, remedy=remedy)
        file, line, column = nearby.get(PLACE).rsplit(":", 2)
        path = str(self._template.path(file))
        return FaultyTemplateError(code, what, file=path, line=int(line), column=int(column), remedy=remedy)


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


def _rooms(rule: Rule) -> str:
    rooms = ", ".join(f"<{parent}>" for parent in sorted(rule.parents) if parent)
    return f"It stands in {rooms}" if rooms else "It is the outermost element"
