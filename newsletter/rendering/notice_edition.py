"""A notice to a reader as an edition: the way of an issue without sections, in the reader's language.

Its words come from `shared/notices.LANGUAGE.txt`: a language that has such a file is one that readers are written to in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from newsletter.errors import InputError
from newsletter.issues.model import Issue
from newsletter.rendering.edition import Edition
from newsletter.rendering.passes import Notice, Work, run_passes
from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.rendering.template_folder import HEAD, TemplateFolder, open_template
from newsletter.rendering.template_language import fill
from newsletter.settings import Settings

NOTICES = ("confirm", "welcome", "already", "manage", "address", "moved")
"""The templates that this program sends: to confirm a subscription; welcome; subscribed already; the link to one's own
data; to confirm a new address; to the old address, that it was changed."""

NEEDED = {
    "confirm": "confirm_url",
    "welcome": "leave_url",
    "already": "leave_url",
    "manage": "manage_url",
    "address": "address_url",
}
"""The link that each of them must show in both parts."""

_WORDS = re.compile(r"shared/notices\.([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.txt")
_FALLBACK = "en"


def render_notice(settings: Settings, name: str, notice: Notice, *, language: str | None) -> Edition:
    """The notice as an edition; the same inputs give the same bytes.

    Args:
        settings: the newsroom's.
        name: the template, one of `NOTICES`.
        notice: what it is about.
        language: the reader's, a BCP 47 tag; None where it is unknown. Without words in it, those of the newsroom's
            language are taken, else English.

    Raises:
        InputError: the template is missing or at fault, or is one of issues.
    """
    return run_passes(notice_work(settings, open_template(settings, name), notice, language=language))


def notice_work(settings: Settings, template: TemplateFolder, notice: Notice, *, language: str | None) -> Work:
    """The notice as work for the passes.

    Raises:
        InputError: it is no template of notices, or its head is at fault.
    """
    if not template.is_notice:
        raise InputError(
            f"the template {template.name!r} is for issues and not for notices", where=str(template.folder)
        )
    spoken = _spoken(languages_of(template), language, settings.newsroom.language)
    newsroom = settings.newsroom.model_copy(update={"language": spoken})
    spoken_to = settings.model_copy(update={"newsroom": newsroom})
    subject, preheader = _head(template, {"newsroom": newsroom, "language": spoken, "notice": notice})
    issue = _as_issue(template.name, subject, preheader)
    return Work(issue=issue, settings=spoken_to, template=template, notice=notice)


def languages_of(template: TemplateFolder) -> tuple[str, ...]:
    """The languages that the template has words in."""
    return tuple(sorted(found[1] for name in template.files if (found := _WORDS.fullmatch(name))))


def _spoken(known: Iterable[str], *wanted: str | None) -> str:
    """The first of the wanted languages that is known, with its region or without; else English."""
    spellings = {language.lower(): language for language in known}
    for tag in filter(None, wanted):
        for form in (tag.lower(), tag.lower().partition("-")[0]):
            if form in spellings:
                return spellings[form]
    return _FALLBACK


def _head(template: TemplateFolder, context: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and preheader, from the template's own file. No slots: a subject is everybody's."""
    lines = [line.strip() for line in fill(template, HEAD, context).splitlines() if line.strip()]
    if len(lines) not in {1, 2}:
        what = f"{HEAD} gives {len(lines)} lines, and not a subject and a preheader"
        raise FaultyTemplateError("TEMPLATE-HEAD", what, file=str(template.path(HEAD)))
    return lines[0], lines[1] if len(lines) == 2 else ""


def _as_issue(template: str, subject: str, preheader: str) -> Issue:
    return Issue(
        slug=f"notice:{template}",
        title=subject,
        # Never shown: a notice's edition serves many days.
        date=date(2000, 1, 1),
        subject=subject,
        preheader=preheader,
        template=template,
        lists=(),
        sections=(),
        blocks=(),
        findings=(),
        inputs=(),
    )
