"""The passes from an issue to an edition: one named, ordered list. Preview, test send and real send all go this way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from newsletter.issues.model import Issue
from newsletter.rendering.cleaning import clean
from newsletter.rendering.edition import Edition
from newsletter.rendering.headers import address_header, ascii_address
from newsletter.rendering.languages import direction, long_date
from newsletter.rendering.layout import lay_out
from newsletter.rendering.manifest import fixed_inputs, manifest_of
from newsletter.rendering.markup import to_html
from newsletter.rendering.mjml_check import check_mjml
from newsletter.rendering.parts import Layout
from newsletter.rendering.plain_text import tidy
from newsletter.rendering.slots import Slots, nonce_for
from newsletter.rendering.template_folder import AUTHOR_CSS, BODY, TEXT, TemplateFolder, open_template
from newsletter.rendering.template_language import fill, without_places
from newsletter.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """An issue on its way: what is known from the start, and what each pass has added so far."""

    issue: Issue
    settings: Settings
    template: TemplateFolder
    layout: Layout | None = None
    slots: Slots | None = None
    mjml: str = ""
    html: str = ""
    text: str = ""

    def filled(self, name: str) -> str:
        """The template's file `name`, filled in."""
        return fill(self.template, name, _context(self))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """One named step: takes the work and gives it back with more done."""

    name: str
    run: Callable[[Work], Work]


def _lay_out(work: Work) -> Work:
    layout = lay_out(work.issue, work.settings)
    fixed = repr(fixed_inputs(work.issue, work.template))
    texts = "".join((repr(layout), repr(work.settings.newsroom), fixed, *work.template.files.values()))
    seed = hashlib.sha256(texts.encode("utf-8", "surrogatepass")).digest()
    nonce = nonce_for(seed, texts)
    return replace(work, layout=layout, slots=Slots(nonce=nonce, base_url=work.settings.newsroom.url))


def _fill(work: Work) -> Work:
    return replace(work, mjml=work.filled(BODY))


def _check(work: Work) -> Work:
    check_mjml(work.mjml, work.template, file=BODY)
    return replace(work, mjml=without_places(work.mjml))


def _compile(work: Work) -> Work:
    return replace(work, html=to_html(work.mjml, work.template))


def _inline(work: Work) -> Work:
    from newsletter.rendering.inlining import inline_css  # noqa: PLC0415 - see there: half of a cold start

    return replace(work, html=inline_css(work.html, work.filled(AUTHOR_CSS), work.template))


def _write_text(work: Work) -> Work:
    return replace(work, text=tidy(work.filled(TEXT)))


PASSES: tuple[Pass, ...] = (
    Pass(name="layout", run=_lay_out),
    Pass(name="template", run=_fill),
    Pass(name="check", run=_check),
    Pass(name="mjml", run=_compile),
    Pass(name="inline", run=_inline),
    Pass(name="text", run=_write_text),
)
"""In order. What follows once an edition is frozen, compiling it to segments, is `message.compile_message`."""


def render(issue: Issue, settings: Settings) -> Edition:
    """The issue as an edition: the same inputs give the same bytes on every machine.

    Raises:
        InputError: the template is missing or at fault, or a setting cannot stand in a header; names file and line.
    """
    work = Work(issue=issue, settings=settings, template=open_template(settings, issue.template))
    for step in PASSES:
        work = step.run(work)
    return _freeze(work)


def _freeze(work: Work) -> Edition:
    newsroom, issue = work.settings.newsroom, work.issue
    from_name = newsroom.from_name or newsroom.name
    return Edition(
        subject=clean(issue.subject or issue.title).strip(),
        preheader=clean(issue.preheader).strip(),
        html=work.html,
        text=work.text,
        nonce=_slots(work).nonce,
        from_name=from_name,
        from_address=newsroom.from_address,
        from_header=address_header(from_name, newsroom.from_address, name="From"),
        reply_to=ascii_address(newsroom.reply_to) if newsroom.reply_to else None,
        language=newsroom.language,
        base_url=newsroom.url,
        manifest=manifest_of(issue, work.settings, work.template, html=work.html, text=work.text),
    )


def _slots(work: Work) -> Slots:
    if work.slots is None:
        raise AssertionError("the layout pass comes first")
    return work.slots


def _context(work: Work) -> dict[str, Any]:
    """What a template may use; docs/reference lists it."""
    newsroom = work.settings.newsroom
    script = direction(newsroom.language)
    return {
        "layout": work.layout,
        "subject": clean(work.issue.subject or work.issue.title).strip(),
        "preheader": clean(work.issue.preheader).strip(),
        "date": long_date(work.issue.date, newsroom.language),
        "newsroom": newsroom,
        "brand": work.settings.brand,
        "language": newsroom.language,
        "dir": script,
        "start": "right" if script == "rtl" else "left",
        "end": "left" if script == "rtl" else "right",
        "slots": _slots(work),
    }
