"""Checking a template by itself, before an issue or a notice needs it: filled in with invented ones, all its faults at
once.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import html as lxml_html

from newsletter.errors import InputError
from newsletter.findings import Finding
from newsletter.issues.model import Issue
from newsletter.rendering.edition import Edition
from newsletter.rendering.mjml_check import mjml_faults
from newsletter.rendering.notice_edition import NEEDED, languages_of, notice_work
from newsletter.rendering.passes import PASSES, Notice, Work, run_passes
from newsletter.rendering.plain_css import refuse_what_is_not_plain
from newsletter.rendering.slots import NoticeSlots
from newsletter.rendering.specimen import bare_specimen, specimen
from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.rendering.template_folder import AUTHOR_CSS, BODY, TEXT, TemplateFolder, open_template
from newsletter.settings import Settings

_LANGUAGES = ("en", "ar")
"""One that runs to the right and one that runs to the left: templates have branches for both."""
_LIST = "The Harbour Letter & Sons, every weekday"


def check_template(settings: Settings, name: str) -> tuple[Finding, ...]:
    """Everything that is wrong with the template called `name`, in the order of its files; nothing where all is well.

    Raises:
        InputError: there is no such template.
    """
    try:
        template = open_template(settings, name)
    except FaultyTemplateError as fault:
        return (fault.finding,)
    found = list(dict.fromkeys(fault.finding for fault in _faults(template, settings)))
    return tuple(sorted(found, key=lambda one: (one.file or "", one.line or 0, one.column or 0, one.code)))


def _faults(template: TemplateFolder, settings: Settings) -> Iterator[FaultyTemplateError]:
    try:
        works = _notices(template, settings) if template.is_notice else _issues(template, settings)
    except FaultyTemplateError as at_fault:
        yield at_fault
        return
    clean = True
    for work in works:
        for fault in _source_faults(work):
            clean = False
            yield fault
    for work in works if clean else ():
        yield from _edition_faults(work)


def _issues(template: TemplateFolder, settings: Settings) -> list[Work]:
    return [
        Work(issue=issue, settings=_in_language(settings, language), template=template)
        for language in _LANGUAGES
        for issue in (specimen(settings, template.name), bare_specimen(settings, template.name))
    ]


def _notices(template: TemplateFolder, settings: Settings) -> list[Work]:
    """A notice in each language that there are words in."""
    about = Notice(list_title=_LIST, hours=72)
    return [notice_work(settings, template, about, language=language) for language in languages_of(template)]


def _in_language(settings: Settings, language: str) -> Settings:
    newsroom = settings.newsroom.model_copy(update={"language": language})
    return settings.model_copy(update={"newsroom": newsroom})


def _source_faults(work: Work) -> Iterator[FaultyTemplateError]:
    """What is wrong with each of the files, as far as each can be filled in."""
    work = PASSES[0].run(work)
    try:
        yield from mjml_faults(work.filled(BODY), work.template, file=BODY)
    except FaultyTemplateError as fault:
        yield fault
    for name in (AUTHOR_CSS, TEXT):
        try:
            filled = work.filled(name)
            if name == AUTHOR_CSS:
                refuse_what_is_not_plain(filled, work.template)
        except FaultyTemplateError as fault:
            yield fault


def _edition_faults(work: Work) -> Iterator[FaultyTemplateError]:
    """What shows only in the finished edition."""
    try:
        edition = run_passes(work)
    except FaultyTemplateError as fault:
        yield fault
        return
    needed = NEEDED.get(work.template.name) if work.template.is_notice else "leave_url"
    for file, part in ((BODY, edition.html), (TEXT, edition.text)):
        path = str(work.template.path(file))
        if needed is not None and getattr(_urls(edition), needed) not in part:
            yield _link_missing(needed, path)
        lost = _lost(work.issue, _seen(edition) if file == BODY else part)
        if lost is not None:
            what = f"these words of a quote are missing or out of order: {lost[:60]!r}"
            yield FaultyTemplateError("TEMPLATE-WORDS", what, file=path)


def _link_missing(needed: str, path: str) -> FaultyTemplateError:
    remedy = f"Show {{{{ slots.{needed} }}}}"
    if needed == "leave_url":
        what = "the link to leave the list is not shown"
        return FaultyTemplateError("TEMPLATE-UNSUBSCRIBE", what, file=path, remedy=remedy)
    what = "the link that the notice is mailed for is not shown"
    return FaultyTemplateError("TEMPLATE-LINK", what, file=path, remedy=remedy)


def _urls(edition: Edition) -> NoticeSlots:
    return NoticeSlots(nonce=edition.nonce, base_url=edition.base_url)


def _seen(edition: Edition) -> str:
    body = lxml_html.document_fromstring(edition.html).find("body")
    if body is None:
        raise InputError("the e-mail has no body", remedy="Report this with the template")
    return str(body.text_content())


def _lost(issue: Issue, said: str) -> str | None:
    """The first words of a quote that are not said in their place."""
    said = " ".join(said.split())
    position = 0
    for quote in issue.quotes:
        for text in (*quote.paragraphs, quote.attribution):
            words = " ".join(text.split())
            found = said.find(words, position)
            if found < 0:
                return words
            position = found + len(words)
    return None
