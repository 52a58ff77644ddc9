"""Checking the templates of notices: filled in, in each language, their editions pass the same checks as an issue's."""

from __future__ import annotations

from newsletter.checks.running import run
from newsletter.checks.subject import Subject
from newsletter.findings import Finding
from newsletter.rendering import Notice
from newsletter.rendering.notice_edition import NEEDED, languages_of, notice_work
from newsletter.rendering.passes import run_passes
from newsletter.rendering.template_folder import open_template
from newsletter.settings import Settings

_LIST = "The Harbour Letter & Sons, every weekday"
_OF_THE_NEWSROOM = frozenset({"LAW-HTTPS", "LAW-ADDRESS"})
"""What the settings are at fault for, not the template."""


def check_notice(settings: Settings, name: str) -> tuple[Finding, ...]:
    """What is wrong with the editions of a notice's template that `rendering.check_template` has found no fault with.

    Raises:
        InputError: there is no such template, or it is one of issues.
    """
    template = open_template(settings, name)
    # Who is on no list yet, or no more, has none to leave.
    waived = _OF_THE_NEWSROOM if NEEDED.get(name) == "leave_url" else _OF_THE_NEWSROOM | {"LAW-UNSUBSCRIBE"}
    found: dict[Finding, None] = {}
    for language in languages_of(template):
        work = notice_work(settings, template, Notice(list_title=_LIST, hours=72), language=language)
        subject = Subject(issue=work.issue, edition=run_passes(work), settings=work.settings)
        found |= dict.fromkeys(finding for finding in run(subject) if finding.code not in waived)
    return tuple(found)
