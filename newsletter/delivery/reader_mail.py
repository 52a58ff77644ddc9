"""A notice to a reader as a message: its edition, in the reader's language, joined with what is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row

from newsletter.audience.answering import Answer
from newsletter.delivery.senders.base import Envelope, Handed
from newsletter.errors import InputError
from newsletter.rendering import Edition, MailingHeaders, Recipient, compile_message, compile_substitutions
from newsletter.rendering.notice_edition import notice_work
from newsletter.rendering.passes import Notice, run_passes
from newsletter.rendering.template_folder import TemplateFolder, open_template
from newsletter.settings import Settings
from newsletter.store.statuses import NoticeKind
from newsletter.tokens import INERT

log = structlog.get_logger(__name__)

_MOST_EDITIONS = 200
"""Templates times languages times lists; past that, all are made anew, which costs 10 ms each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderMail:
    """One notice's mail. Its Message-ID is the same on every try."""

    template: str
    edition: Edition
    headers: MailingHeaders
    recipient: Recipient

    def envelope(self, *, bounces: str | None) -> Envelope:
        """The message; `bounces` is where they go, None to the From address."""
        mail_from = self.edition.from_address if bounces is None else bounces
        message = compile_message(self.edition, self.headers).join(self.recipient)
        return Envelope(mail_from=mail_from, rcpt_to=self.recipient.address, message=message)

    def handed(self) -> Handed:
        """The same for a sender of chunks. Its events name no delivery: notices are not in the mailings' ledger."""
        body = compile_substitutions(self.edition, self.headers)
        name = f"notice-{self.recipient.delivery}"
        return Handed(body=body, recipient=self.recipient, mailing="notice", attempt=name)


class Templates:
    """The editions of notices, each made once: a template in a language, about a list.

    Args:
        settings: the newsroom's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[tuple[str, str | None, Notice], Edition] = {}

    def mail_of(self, told: Answer, row: Row[Any], *, now: datetime) -> ReaderMail:
        """The mail for the notice in `row`.

        Raises:
            InputError: not even the template that comes with the program can be filled in.
        """
        edition = self._edition_of(told)
        newsroom = self._settings.newsroom
        headers = MailingHeaders(
            message_id_prefix="notice",
            message_id_domain=edition.from_address.rpartition("@")[2],
            date=now,
            list_name=told.list_name or "notices",
            list_title=told.list_title or newsroom.name,
            # The others answer a request, and have no list to leave yet, or none any more.
            bulk=told.kind is NoticeKind.WELCOME,
        )
        recipient = Recipient(
            delivery=row.id,
            address=row.address,
            name=told.name,
            leave=told.leave,
            track=INERT,
            since=told.since,
            fresh=told.fresh or INERT,
        )
        return ReaderMail(template=told.template, edition=edition, headers=headers, recipient=recipient)

    def _edition_of(self, told: Answer) -> Edition:
        """The newsroom's own template; where that is at fault, the packaged one: somebody waits for this mail."""
        about = Notice(list_title=told.list_title, hours=told.hours)
        try:
            return self._rendered(open_template(self._settings, told.template), told.language, about)
        except InputError as error:
            log.warning("notice.template_at_fault", template=told.template, why=str(error))
            return self._rendered(open_template(self._settings, told.template, own=False), told.language, about)

    def _rendered(self, template: TemplateFolder, language: str | None, about: Notice) -> Edition:
        # By the template's own bytes, so that a change of its files shows in the next mail.
        key = (template.hash, language, about)
        if key not in self._made:
            if len(self._made) >= _MOST_EDITIONS:
                self._made.clear()
            self._made[key] = run_passes(notice_work(self._settings, template, about, language=language))
        return self._made[key]
