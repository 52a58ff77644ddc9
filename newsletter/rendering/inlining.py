"""The author's plain CSS rules, inlined by premailer with everything off that would hurt an e-mail.

Imported late: premailer brings requests and cssutils, 0.2 s that only rendering should pay.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import cssutils
from premailer import Premailer

from newsletter.errors import InputError
from newsletter.rendering.template_folder import AUTHOR_CSS, TemplateFolder

DOCTYPE = "<!doctype html>"
_DOCTYPE = re.compile(r"<!doctype[^>]*>\s*", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_NOT_PLAIN = re.compile(r"@[a-z-]*|url\s*\(|expression\s*\(|</|<!|\\", re.IGNORECASE)
_SELECTOR = re.compile(r"[^{}]*(?=\{)")


def inline_css(html: str, author_css: str, template: TemplateFolder) -> str:
    """The HTML with the author's plain rules inlined; style elements stay as they are, and there is one doctype.

    Raises:
        InputError: the CSS holds more than plain rules, could fetch something, or cannot be read.
    """
    _refuse_what_is_not_plain(author_css, template)
    try:
        inlined = _Offline(
            html.replace("<style", '<style data-premailer="ignore"'),
            css_text=[author_css],
            allow_network=False,
            strip_important=False,
            disable_validation=True,
            keep_style_tags=False,
            align_floating_images=False,
            remove_unset_properties=False,
            disable_basic_attributes=["width", "height", "bgcolor", "align", "valign"],
            cssutils_logging_level=logging.CRITICAL,
        ).transform(pretty_print=False)
    except Exception as error:  # cssutils, cssselect and lxml raise classes of many families
        raise InputError(
            f"the CSS cannot be inlined: {error}", where=template.where(AUTHOR_CSS), remedy="Keep to plain rules"
        ) from error
    body = _DOCTYPE.sub("", inlined.replace('<style data-premailer="ignore"', "<style"), count=1)
    return f"{DOCTYPE}\n{body.strip()}\n"


class _Offline(Premailer):  # type: ignore[misc]
    """premailer with a parser of its own that fetches nothing, whatever the CSS says."""

    def _parse_css_string(self, css_body: str, validate: bool = True) -> Any:
        parser = cssutils.CSSParser(loglevel=logging.CRITICAL, fetcher=_fetch_nothing, validate=validate)
        return parser.parseString(css_body, validate=validate)


def _fetch_nothing(url: str) -> tuple[str, bytes]:  # noqa: ARG001
    return "utf-8", b""


def _refuse_what_is_not_plain(css: str, template: TemplateFolder) -> None:
    plain = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), css)
    found = _NOT_PLAIN.search(plain) or next(
        (selector for selector in _SELECTOR.finditer(plain) if ":" in selector[0]), None
    )
    if found:
        line = plain.count("\n", 0, found.end()) + 1
        raise InputError(
            f"{found[0].strip()!r} has no place in {AUTHOR_CSS}: only plain rules are inlined, and nothing is fetched",
            where=template.where(AUTHOR_CSS, line),
            remedy="Rules for @media, :hover and dark mode belong in an mj-style",
        )
