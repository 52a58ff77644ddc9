"""Filling a template: Jinja2 with autoescape, strict about what is undefined, and faults that name file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import (
    FunctionLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.errors import InputError
from newsletter.rendering.plain_text import wrap
from newsletter.rendering.template_faults import CORRECT, FaultyTemplateError
from newsletter.rendering.template_folder import TemplateFolder

_SCHEME = "template:"
PLACE = "data-place"
"""An attribute set on each element, MJML's and HTML's, while it is checked: the file, line and column it was written at."""
_PLACE_ATTRIBUTE = re.compile(rf' {PLACE}="[^"]*"')
_TAG_OR_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<!--.*?-->|<[A-Za-z][A-Za-z0-9-]*(?=[\s/>])", re.DOTALL)


def mark_places(source: str, name: str) -> str:
    """The MJML source with every tag marked with the place it stands at in file `name`."""

    def marked(found: re.Match[str]) -> str:
        if found[0].startswith(("{", "<!")):
            return found[0]
        line = source.count("\n", 0, found.start()) + 1
        column = found.start() - source.rfind("\n", 0, found.start())
        return f'{found[0]} {PLACE}="{name}:{line}:{column}"'

    return _TAG_OR_CODE.sub(marked, source)


class _Places(Extension):
    """Marks the tags of MJML files as they are read."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        return mark_places(source, name) if name is not None and name.endswith(".mjml") else source


def fill(template: TemplateFolder, name: str, context: Mapping[str, Any]) -> str:
    """The template's file `name`, filled in with `context`.

    Raises:
        FaultyTemplateError: the template is at fault; names its file and line.
    """
    try:
        return _environment(_Files(template.files)).get_template(name).render(context)
    except TemplateSyntaxError as error:
        file = str(template.path(error.name or name))
        what = f"template syntax: {error.message}"
        raise FaultyTemplateError("TEMPLATE-SYNTAX", what, file=file, line=error.lineno) from error
    except TemplateNotFound as error:
        what = f"there is no file {error.name!r} in this template"
        raise _fault(template, "TEMPLATE-INCLUDE", what, error, name) from error
    except UndefinedError as error:
        raise _fault(template, "TEMPLATE-NAME", str(error.message), error, name) from error
    except TemplateError as error:
        raise _fault(template, "TEMPLATE-FAILS", str(error.message), error, name) from error
    except InputError as error:
        raise _fault(template, "TEMPLATE-NAME", error.what, error, name, remedy=error.remedy) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        raise _fault(template, "TEMPLATE-FAILS", f"{type(error).__name__}: {error}", error, name) from error


class _Files(dict[str, str]):
    """A template's files as a key for caching: two are equal where names and texts are."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


@lru_cache(maxsize=16)
def _environment(files: _Files) -> ImmutableSandboxedEnvironment:
    def load(name: str) -> tuple[str, str, None] | None:
        return (files[name], _SCHEME + name, None) if name in files else None

    environment = ImmutableSandboxedEnvironment(
        autoescape=lambda name: name is None or name.endswith(".mjml"),
        undefined=StrictUndefined,
        extensions=[_Places],
        loader=FunctionLoader(load),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrap"] = wrap
    return environment


def _fault(
    template: TemplateFolder, code: str, what: str, error: Exception, name: str, *, remedy: str = CORRECT
) -> FaultyTemplateError:
    """The fault at the innermost template line on the way to the error;
    Jinja2 rewrites tracebacks to name templates.
    """
    line: int | None = None
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(_SCHEME):
            name, line = file.removeprefix(_SCHEME), trace.tb_lineno
        trace = trace.tb_next
    return FaultyTemplateError(code, what, file=str(template.path(name)), line=line, remedy=remedy)


def without_places(mjml: str) -> str:
    """The MJML as the template wrote it."""
    return _PLACE_ATTRIBUTE.sub("", mjml)
