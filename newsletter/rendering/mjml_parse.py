"""Filled MJML as a tree; what is not well-formed is placed in the file that it was written in."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.rendering.template_folder import TemplateFolder
from newsletter.rendering.template_language import PLACE, without_places

LARGEST = 4 * 1024 * 1024
_PLACED = re.compile(rf'<([A-Za-z][\w:-]*) {PLACE}="([^"]*):(\d+):(\d+)"')
_MISMATCH = re.compile(r"Opening and ending tag mismatch: (\S+) line (\d+)")
_REMEDY = "Close what is opened, and write & as &amp; and spaces that do not break as &#160;"


def parse(mjml: str, template: TemplateFolder, file: str) -> Any:
    """The root element of filled MJML, its elements marked with their places.

    Raises:
        FaultyTemplateError: it is too large, has a document type, or is not well-formed.
    """
    path = str(template.path(file))
    if len(mjml) > LARGEST:
        raise FaultyTemplateError("TEMPLATE-SIZE", f"the filled template is larger than {LARGEST >> 20} MiB", file=path)
    if found := re.search(r"<!(?:DOCTYPE|ENTITY)", mjml):
        line = _line_of(template, file, found[0])
        raise FaultyTemplateError("TEMPLATE-MALFORMED", "a document type has no place in MJML", file=path, line=line)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(mjml.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise _malformed(mjml, error, template, file) from None


def _malformed(mjml: str, error: Any, template: TemplateFolder, file: str) -> FaultyTemplateError:
    text = re.sub(r"(?: line \d+ and (\S+))?, line \d+, column \d+( \(.*\))?$", r" and \1", str(error.msg))
    text = text.removesuffix(" and ")
    if "depth" in text.lower():
        return FaultyTemplateError(
            "TEMPLATE-DEPTH", "elements are nested too deep to be read", file=str(template.path(file))
        )
    name, line, column = _place(mjml, error, template, file)
    return FaultyTemplateError(
        "TEMPLATE-MALFORMED",
        f"this is not well-formed: {text}",
        file=str(template.path(name)),
        line=line,
        column=column,
        remedy=_REMEDY,
    )


def _place(mjml: str, error: Any, template: TemplateFolder, file: str) -> tuple[str, int | None, int | None]:
    """Where it was written: at the element that is not closed, or on the line of the fault counted from the element
    before it, as long as the template's own line reads the same.
    """
    lines = mjml.split("\n")
    line, column = error.position
    line = min(max(line, 1), len(lines))
    if found := _MISMATCH.search(str(error.msg)):
        opened = [hit for hit in _PLACED.finditer(_at(lines, int(found[2]))) if hit[1] == found[1]]
        if opened:
            return opened[-1][2], int(opened[-1][3]), int(opened[-1][4])
    before = "\n".join([*lines[: line - 1], lines[line - 1][: max(column - 1, 0)]])
    hits = list(_PLACED.finditer(before))
    if not hits:
        return file, None, None
    name, at, start = hits[-1][2], int(hits[-1][3]), int(hits[-1][4])
    below = before.count("\n", hits[-1].end())
    written = template.files.get(name, "").split("\n")
    if below and _at(written, at + below).strip() == without_places(lines[line - 1]).strip():
        return name, at + below, None
    return name, at, start


def _at(lines: list[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _line_of(template: TemplateFolder, file: str, text: str) -> int | None:
    source = template.files.get(file, "")
    return source.count("\n", 0, source.find(text)) + 1 if text in source else None
