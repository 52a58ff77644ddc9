"""What is checked: an issue with its edition and the facts around it, and what all checks share of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Date  # noqa: N812 - as everywhere
from functools import cached_property

from newsletter.checks.link_result import LinkResult
from newsletter.checks.page import Link, Page
from newsletter.checks.spots import IssueFiles, NewsroomFiles
from newsletter.issues.model import Issue
from newsletter.rendering import Edition
from newsletter.rendering.slots import FRESH
from newsletter.roundups import Outlets
from newsletter.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Recent:
    """An issue before this one, as far as it matters: who was quoted, by names as `recent.folded` has them."""

    slug: str
    date: Date
    authors: frozenset[str]
    outlets: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Who would get it now. `usual` is the median of the list's latest mailings, None before there are any."""

    list_name: str
    recipients: int
    usual: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One issue, its edition, and the facts.

    Args:
        issue: as loaded, with the findings of its own.
        edition: what `render` made of it.
        settings: the newsroom's.
        outlets: the newsroom's known outlets.
        recent: the issues before this one.
        links: what links answered, by URL; None where they were not asked.
        audience: who would get it; None where that is not known.
        today: the newsroom's day; None where dates are not to be judged.
    """

    issue: Issue
    edition: Edition
    settings: Settings
    outlets: Outlets = field(default_factory=Outlets)
    recent: tuple[Recent, ...] = ()
    links: Mapping[str, LinkResult] | None = None
    audience: Audience | None = None
    today: Date | None = None


class Matter:
    """A subject with what several checks need of it, each made once and when it is first asked for."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.issue = subject.issue
        self.edition = subject.edition
        self.settings = subject.settings

    @cached_property
    def files(self) -> IssueFiles:
        """The issue's own files."""
        return IssueFiles(self.issue.inputs)

    @cached_property
    def newsroom(self) -> NewsroomFiles:
        """The template and the settings."""
        return NewsroomFiles(self.settings, self.issue.template)

    @cached_property
    def page(self) -> Page:
        """The edition's HTML."""
        return Page(self.edition.html)

    @cached_property
    def content_links(self) -> list[Link]:
        """The links of the HTML that lead to others: those to the newsroom's own pages for this reader are not among
        them.
        """
        slots = self.edition.slots
        own, fresh = {slots.view_url, slots.preferences_url, slots.leave_url}, slots.marker(FRESH)
        return [link for link in self.page.links if link.href not in own and fresh not in link.href]
