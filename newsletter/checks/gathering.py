"""Gathering what an issue is checked against: the issues before it, today's date, what its links answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from newsletter.checks.link_cache import LinkCache
from newsletter.checks.link_options import LinkOptions
from newsletter.checks.links import check_links
from newsletter.checks.recent import recent_issues
from newsletter.checks.static_links import links_of
from newsletter.checks.subject import Subject
from newsletter.issues import Issue
from newsletter.issues.dates import today_in
from newsletter.rendering import Edition
from newsletter.roundups import Outlets
from newsletter.settings import Settings


def gather(
    issue: Issue, edition: Edition, settings: Settings, *, outlets: Outlets, now: datetime, offline: bool = True
) -> Subject:
    """The subject that `run` checks.

    Args:
        issue: as loaded.
        edition: what `render` made of it.
        settings: the newsroom's.
        outlets: its known outlets.
        now: the present instant, aware; the newsroom's zone makes a day of it.
        offline: whether nobody may be asked. What links answered lately is used all the same.
    """
    subject = Subject(
        issue=issue,
        edition=edition,
        settings=settings,
        outlets=outlets,
        recent=recent_issues(settings, issue, outlets=outlets),
        today=today_in(settings.newsroom.zone, now),
    )
    options = LinkOptions.of(settings, offline=offline)
    links = check_links(links_of(subject), cache=LinkCache.of(settings), now=now, options=options)
    return replace(subject, links=links)
