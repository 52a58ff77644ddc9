"""The author's plain CSS rules, inlined by premailer with everything off that would hurt an e-mail.

Imported late: premailer brings requests and cssutils, 0.2 s that only rendering should pay.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

import cssutils
from premailer import Premailer

from newsletter.rendering.plain_css import refuse_what_is_not_plain
from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.rendering.template_folder import AUTHOR_CSS, TemplateFolder

DOCTYPE = "<!DOCTYPE html>"
_OPTIONS: dict[str, Any] = {
    "allow_network": False,
    "strip_important": False,
    "disable_validation": True,
    "keep_style_tags": False,
    "align_floating_images": False,
    "remove_unset_properties": False,
    "disable_basic_attributes": ["width", "height", "bgcolor", "align", "valign"],
    "cssutils_logging_level": logging.CRITICAL,
}
_DOCTYPE = re.compile(r"<!doctype[^>]*>\s*", re.IGNORECASE)


def inline_css(html: str, author_css: str, template: TemplateFolder) -> str:
    """The HTML with the author's plain rules inlined; style elements stay as they are, and there is one doctype.

    Raises:
        FaultyTemplateError: the CSS holds more than plain rules, could fetch something, or cannot be read.
    """
    refuse_what_is_not_plain(author_css, template)
    try:
        shielded = html.replace("<style", '<style data-premailer="ignore"')
        inlined = _Inliner(shielded, css_text=[author_css], **_OPTIONS).transform(pretty_print=False)
    except Exception as error:  # cssutils, cssselect and lxml raise classes of many families
        what = f"the CSS cannot be inlined: {error}"
        file = str(template.path(AUTHOR_CSS))
        raise FaultyTemplateError("TEMPLATE-CSS", what, file=file, remedy="Keep to plain rules") from error
    body = _DOCTYPE.sub("", inlined.replace('<style data-premailer="ignore"', "<style"), count=1)
    return f"{DOCTYPE}\n{body.strip()}\n"


class _Offline(Premailer):  # type: ignore[misc]
    """premailer with a parser of its own that fetches nothing, whatever the CSS says."""

    def _parse_css_string(self, css_body: str, validate: bool = True) -> Any:
        parser = cssutils.CSSParser(loglevel=logging.CRITICAL, fetcher=_fetch_nothing, validate=validate)
        return parser.parseString(css_body, validate=validate)


class _Inliner(_Offline):
    """The same, but it remembers the rules of a style sheet: a template's hardly ever change, and reading them takes
    three times as long as applying them.
    """

    def _parse_style_rules(self, css_body: str, ruleset_index: int) -> tuple[list[Any], list[Any]]:
        rules, leftover = _rules_of(css_body, ruleset_index)
        return list(rules), list(leftover)


@lru_cache(maxsize=16)
def _rules_of(css: str, index: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    rules, leftover = _Offline("<p></p>", **_OPTIONS)._parse_style_rules(css, index)  # noqa: SLF001 - premailer's seam
    return tuple(rules), tuple(leftover)


def _fetch_nothing(url: str) -> tuple[str, bytes]:  # noqa: ARG001
    return "utf-8", b""
