"""MJML to HTML by the compiler, its traps avoided: glued words, panics, remote fonts, includes from elsewhere."""

from __future__ import annotations

import re

from mjml import mjml2html

from newsletter.rendering.mjml_check import include
from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.rendering.template_folder import TemplateFolder

_RICH = "mj-text|mj-button|mj-table|mj-navbar-link|mj-social-element|mj-accordion-title|mj-accordion-text"
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*"""
_RICH_TEXT = re.compile(rf"<({_RICH})({_ATTRIBUTES})>(.*?)</\1\s*>", re.DOTALL)
_LINE_END = re.compile(r"[ \t]*\n[ \t\n]*")


def collapse_line_ends(mjml: str) -> str:
    """Line ends in rich text become spaces: the compiler drops text that starts with one, and glues words."""
    return _RICH_TEXT.sub(
        lambda found: f"<{found[1]}{found[2]}>{_LINE_END.sub(' ', found[3]).strip()}</{found[1]}>", mjml
    )


def to_html(mjml: str, template: TemplateFolder) -> str:
    """The HTML of checked MJML.

    Raises:
        FaultyTemplateError: the compiler refused or panicked.
    """
    try:
        return mjml2html(collapse_line_ends(mjml), fonts={}, include_loader=lambda path: _included(template, path))
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # pyo3's PanicException is no Exception, and cannot be imported
        known = isinstance(error, Exception) or type(error).__name__ == "PanicException"
        if not known:
            raise
        what = f"the MJML compiler gave up: {error}"
        remedy = "Simplify the template"
        raise FaultyTemplateError("TEMPLATE-COMPILER", what, file=str(template.folder), remedy=remedy) from None


def _included(template: TemplateFolder, path: str) -> str:
    text = include(template, path)
    if text is None:
        what = f"{path!r} is no .mjml file in this template's folder"
        raise FaultyTemplateError("TEMPLATE-INCLUDE", what, file=str(template.folder))
    return collapse_line_ends(text)
