"""The manifest: what an edition was made from, and an outline of what it says. Pure.

It travels within the edition, so that two editions can be explained and compared from their frozen bytes alone, years
after the files, the template and the program have changed.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from newsletter import __version__
from newsletter.issues.model import Block, Issue, Quote, Section
from newsletter.rendering.cleaning import clean, count_unholdable, paragraphs, safe_link
from newsletter.rendering.template_folder import TemplateFolder
from newsletter.settings import Settings

LIBRARIES = ("mjml-python", "premailer", "jinja2", "markupsafe", "lxml", "cssutils", "cssselect", "babel")
"""All that has a hand in the bytes; Python itself, whose Unicode tables it is, stands beside them."""

NEWSROOM = ("name", "postal_address", "language", "url", "from_name", "from_address", "reply_to")
"""The keys of `[newsroom]` that shape the bytes."""


def manifest_of(issue: Issue, settings: Settings, template: TemplateFolder, *, html: str, text: str) -> dict[str, Any]:
    """The manifest as plain data: the same inputs give the same on every machine."""
    return {
        "slug": issue.slug,
        "title": issue.title,
        "date": issue.date.isoformat(),
        "author": issue.author,
        **fixed_inputs(issue, template),
        "template_files": {name: _sha256(data.encode()) for name, data in sorted(template.files.items())},
        "settings": _settings(settings),
        "versions": versions(),
        "sizes": {"html": len(html.encode()), "text": len(text.encode())},
        "replaced_characters": sum(count_unholdable(text) for text in _texts(issue)),
        "outline": _outline(issue),
    }


def fixed_inputs(issue: Issue, template: TemplateFolder) -> dict[str, Any]:
    """What goes in besides the words: input files and template, by hash.
    Only a file's place within the newsroom is named.
    """
    return {
        "inputs": [{"name": _portable(name), "sha256": _sha256(data)} for name, data in issue.inputs],
        "template": {"name": template.name, "sha256": template.hash},
    }


def versions() -> dict[str, str]:
    """The version of this program, of Python and of each library that shapes the bytes."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"newsletter": __version__, "python": python, **{library: _version(library) for library in LIBRARIES}}


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "newsroom": settings.newsroom.model_dump(mode="json", include=set(NEWSROOM)),
        "brand": settings.brand.model_dump(mode="json"),
        "sides": {key: side.model_dump(mode="json") for key, side in settings.sides.items()},
    }


def _outline(issue: Issue) -> dict[str, Any]:
    return {
        "sections": [_section(section) for section in issue.sections],
        "blocks": [_block(block) for block in issue.blocks],
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "heading": clean(section.heading),
        "side": section.side,
        "stance": clean(section.stance) if section.stance else None,
        "prose": [clean(text) for text in section.prose],
        "quotes": [_quote(quote) for quote in section.quotes],
    }


def _quote(quote: Quote) -> dict[str, Any]:
    return {
        "id": quote.id,
        "paragraphs": [clean(text) for text in quote.paragraphs],
        "attribution": clean(quote.attribution),
        "side": quote.side,
        "link": safe_link(quote.link),
    }


def _block(block: Block) -> dict[str, Any]:
    return {
        "kind": block.kind.value,
        "heading": clean(block.heading),
        "paragraphs": list(paragraphs(block.text)),
        "link": safe_link(block.link),
        "link_text": clean(block.link_text or ""),
    }


def _texts(issue: Issue) -> list[str]:
    quotes = [text for quote in issue.quotes for text in (*quote.paragraphs, quote.attribution)]
    sections = [text for part in issue.sections for text in (part.heading, part.stance or "", *part.prose)]
    return [issue.title, issue.subject, issue.preheader, *sections, *quotes, *(block.text for block in issue.blocks)]


def _portable(name: str) -> str:
    path = PurePath(name)
    return path.name if path.is_absolute() else path.as_posix()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@cache
def _version(library: str) -> str:
    return version(library)
