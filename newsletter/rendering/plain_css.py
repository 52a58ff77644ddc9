"""What may stand in author.css: plain rules, because they are inlined, and nothing that would be fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.rendering.template_folder import AUTHOR_CSS, TemplateFolder

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_INCLUDED = re.compile(r"\{%-?\s*include\s+['\"]([^'\"]+)['\"]")
_NOT_PLAIN = re.compile(r"@[a-z-]*|url\s*\(|expression\s*\(|</|<!|\\", re.IGNORECASE)
_SELECTOR = re.compile(r"[^{}]*(?=\{)")


def refuse_what_is_not_plain(css: str, template: TemplateFolder) -> None:
    """Check `author.css` as it was filled in.

    Raises:
        FaultyTemplateError: it holds more than plain rules; placed in the file that it was written in.
    """
    found = _not_plain(css)
    if found is None:
        return
    for name in _sources(template, AUTHOR_CSS, set()):
        written = _CODE.sub(_blank, template.files[name])
        if (same := _not_plain(written)) and same[1] == found[1]:
            raise _fault(template, name, same)
    raise _fault(template, AUTHOR_CSS, (None, found[1]))


def _not_plain(css: str) -> tuple[int | None, str] | None:
    """The line and the words of the first thing that is not plain."""
    plain = _COMMENT.sub(_blank, css)
    states = (selector for selector in _SELECTOR.finditer(plain) if ":" in selector[0])
    found = _NOT_PLAIN.search(plain) or next(states, None)
    if found is None:
        return None
    return plain.count("\n", 0, found.end()) + 1, found[0].strip()


def _fault(template: TemplateFolder, name: str, found: tuple[int | None, str]) -> FaultyTemplateError:
    line, words = found
    return FaultyTemplateError(
        "TEMPLATE-CSS",
        f"{words!r} has no place in {AUTHOR_CSS}: only plain rules are inlined, and nothing is fetched",
        file=str(template.path(name)),
        line=line,
        remedy="Rules for @media, :hover and dark mode belong in an mj-style",
    )


def _sources(template: TemplateFolder, name: str, seen: set[str]) -> Iterator[str]:
    if name in seen or name not in template.files:
        return
    seen.add(name)
    yield name
    for included in _INCLUDED.findall(template.files[name]):
        yield from _sources(template, included, seen)


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")
