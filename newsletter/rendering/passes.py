"""The passes from an issue to an edition: one named, ordered list. Preview, test send and real send all go this way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from newsletter.errors import InputError
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
from newsletter.rendering.slots import NoticeSlots, Slots, nonce_for
from newsletter.rendering.template_folder import AUTHOR_CSS, BODY, TEXT, TemplateFolder, open_template
from newsletter.rendering.template_language import fill, without_places
from newsletter.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What the template of a notice is filled with besides: the title of the list that it is about ("" where it is about
    none), and how many hours its link works (0 where it has none).
    """

    list_title: str = ""
    hours: int = 0

    @property
    def days(self) -> int:
        """The whole days among those hours."""
        return self.hours // 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """An issue, or a `notice` in the form of one, on its way: what is known from the start, and what each pass has added."""

    issue: Issue
    settings: Settings
    template: TemplateFolder
    notice: Notice | None = None
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
    if work.notice is not None:
        texts += repr(work.notice)
    seed = hashlib.sha256(texts.encode("utf-8", "surrogatepass")).digest()
    nonce = nonce_for(seed, texts)
    kind = Slots if work.notice is None else NoticeSlots
    return replace(work, layout=layout, slots=kind(nonce=nonce, base_url=work.settings.newsroom.url))


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
    template = open_template(settings, issue.template)
    if template.is_notice:
        raise InputError(
            f"the template {template.name!r} is for notices and not for issues",
            where=f"{issue.slug}/issue.toml",
            remedy="Name another one, such as daily",
        )
    return run_passes(Work(issue=issue, settings=settings, template=template))


def run_passes(work: Work) -> Edition:
    """The work as an edition.

    Raises:
        InputError: as `render`.
    """
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
        "notice": work.notice,
    }
