"""The style of a mail as a sheet of its own, which touches nothing outside the issue and fetches nothing. Pure.

Inline styles become classes, so that the page's policy need not allow inline styles, and each rule of the mail's sheets
is put below `SCOPE` with its classes renamed: whatever a template calls its classes, the page around it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SCOPE = ".issue"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DECLARATION = re.compile(r"\s*(-?[a-zA-Z][a-zA-Z-]{0,60})\s*:\s*([^{}<>@\\\r\x00]{1,400}?)\s*")
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_DOCUMENT = re.compile(r"(?<![\w.#:-])(?:html|body|:root)(?![\w-])", re.IGNORECASE)
_SELECTOR = re.compile(r"[\w\s.#:>+~*()\[\]=\"'^$|-]{1,400}")
_MEDIA = re.compile(r"@media\b[\w\s:(),.=-]{1,300}", re.IGNORECASE)
_FETCHES = re.compile(r"url\s*\(|image-set|expression|javascript", re.IGNORECASE)
_ELSEWHERE = ("[data-ogs", ".moz-text-html", "#outlook")
"""What selectors begin with that only mail programs answer to."""
_PIECE = re.compile(r"[^{}]+|[{}]")
_MOST = 200_000
"""Characters of a mail's sheets; the gate before sending allows 15 KB."""


def declarations(style: str) -> tuple[tuple[str, str], ...]:
    """The declarations of a style that a page may have: none that only Outlook knows, and none that fetches."""
    matches = (_DECLARATION.fullmatch(part) for part in _COMMENT.sub("", style).split(";"))
    found = ((match[1].lower(), match[2]) for match in matches if match)
    return tuple((name, value) for name, value in found if not name.startswith("mso-") and not _FETCHES.search(value))


def renamed(classes: str) -> str:
    """The classes of an element, as the sheet knows them."""
    return " ".join(f"m-{name}" for name in classes.split() if _CLASS.fullmatch(f".{name}"))


@dataclass(slots=True)
class Sheet:
    """Collects the styles of one mail."""

    _rules: list[str] = field(default_factory=list)
    _classes: dict[str, str] = field(default_factory=dict)

    def take(self, css: str) -> None:
        """Take in a sheet of the mail. One whose braces do not match is left out."""
        # As a browser reads them: the page's policy knows the sheet by its hash.
        plain = css[:_MOST].replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
        pieces = _PIECE.findall(_COMMENT.sub("", plain))
        try:
            rules = list(_rules(iter(pieces)))
        except _UnbalancedError:
            return
        self._rules += rules

    def class_of(self, style: tuple[tuple[str, str], ...]) -> str:
        """The class that stands for an inline style; "" for an empty one."""
        text = ";".join(f"{name}:{value}" for name, value in style)
        return self._classes.setdefault(text, f"s{len(self._classes)}") if text else ""

    def text(self) -> str:
        """All of it. What was inline goes before what was not, as in a mail, unless that says `!important`."""
        inline = [f"{SCOPE * 3} .{name}{{{text}}}" for text, name in self._classes.items()]
        return "\n".join([*self._rules, *inline])


def _rules(pieces: Iterator[str], *, inside: bool = False) -> Iterator[str]:
    for piece in pieces:
        if piece == "}":
            if inside:
                return
            continue
        if piece == "{":
            _skip(pieces)
            continue
        prelude = piece.rpartition(";")[2].strip()
        if not prelude:
            continue
        if _next(pieces) != "{":
            return
        if prelude.startswith("@"):
            yield from _at_rule(prelude, pieces)
        else:
            yield from _rule(prelude, pieces)
    if inside:
        raise _UnbalancedError


class _UnbalancedError(Exception):
    """The braces of a sheet do not match."""


def _next(pieces: Iterator[str]) -> str:
    return next(pieces, "")


def _at_rule(prelude: str, pieces: Iterator[str]) -> Iterator[str]:
    if not _MEDIA.fullmatch(prelude):
        _skip(pieces)
        return
    inner = list(_rules(pieces, inside=True))
    if inner:
        yield f"{prelude} {{\n" + "\n".join(inner) + "\n}"


def _rule(prelude: str, pieces: Iterator[str]) -> Iterator[str]:
    body = _next(pieces)
    if body == "}":
        return
    if _next(pieces) != "}":
        raise _UnbalancedError
    kept = ";".join(f"{name}:{value}" for name, value in declarations(body))
    selectors = [_scoped(selector.strip()) for selector in prelude.split(",") if _may_stand(selector)]
    if kept and selectors:
        yield f"{', '.join(selectors)}{{{kept}}}"


def _may_stand(selector: str) -> bool:
    return _SELECTOR.fullmatch(selector) is not None and not selector.lstrip().startswith(_ELSEWHERE)


def _scoped(selector: str) -> str:
    own = _CLASS.sub(r".m-\1", _DOCUMENT.sub("", selector)).strip()
    return f"{SCOPE} {own}" if own else SCOPE


def _skip(pieces: Iterator[str]) -> None:
    """Pass over a block that is open."""
    depth = 1
    while depth:
        piece = next(pieces, None)
        if piece is None:
            raise _UnbalancedError
        depth += (piece == "{") - (piece == "}")
