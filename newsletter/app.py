"""The composition root: the settings become an `App`, with everything that the command line and the web need."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from newsletter import reports, store, tokens
from newsletter import settings as newsroom_settings
from newsletter.audience import MailingList, lists
from newsletter.clock import Clock, system_clock
from newsletter.delivery import Audience, Copies, OnProgress, StandBy, Worker, release, stopping, survey
from newsletter.delivery.senders import by_settings
from newsletter.delivery.senders.base import Sender
from newsletter.errors import BlockedError
from newsletter.issues import Issue, newsroom_outlets
from newsletter.publishing import Mailing, gate, mailings
from newsletter.rendering import Edition, render
from newsletter.reports import Report
from newsletter.roundups import Outlets
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.store.statuses import MailingStatus
from newsletter.tokens import TokenKeys

PATIENCE = timedelta(hours=6)
"""How long deferred deliveries are tried again: by then a morning's newsletter has lost its morning."""

KEY_FILE = "secret.key"
DATABASE = "DATABASE_URL"
"""The secret with the database's URL; where it is not set, an SQLite file in the newsroom's data folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A send that has passed the gate. `unfinished` is the mailing that it goes on with; None where it starts one."""

    issue: Issue
    edition: Edition
    target: MailingList
    audience: Audience
    waived: frozenset[str]
    unfinished: Mailing | None


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """One newsroom, open. A context manager: it closes the database at the end."""

    settings: Settings
    store: Store
    keys: TokenKeys
    outlets: Outlets
    clock: Clock

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock = system_clock) -> Self:
        """Open the newsroom's database and keys, making them on first use, and make the lists that its settings name.

        Raises:
            InputError: the database, the keys or `outlets.toml` cannot be used.
        """
        outlets = newsroom_outlets(settings)
        keys = tokens.load_keys(newsroom_settings.secret(tokens.SECRET_NAME), settings.data / KEY_FILE)
        opened = store.open(newsroom_settings.secret(DATABASE) or store.sqlite_url(settings.database))
        try:
            lists.follow_settings(opened, settings.lists, clock=clock)
        except BaseException:
            opened.close()
            raise
        return cls(settings=settings, store=opened, keys=keys, outlets=outlets, clock=clock)

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def plan(self, issue: Issue, list_name: str, *, waived: Collection[str] = ()) -> Plan:
        """What sending the issue to the list now would do. Nothing is written.

        Where an earlier send of this very edition was cut off, the plan goes on with it.

        Args:
            issue: the issue; it goes out as the list's issue of its date.
            list_name: one of the newsroom's lists.
            waived: codes of the issue's error findings that somebody answers for.

        Raises:
            InputError: there is no such list, or the issue cannot be rendered.
            BlockedError: findings stand in the way; they come with it.
        """
        target = lists.require(self.store, list_name)
        edition = render(issue, self.settings)
        earlier = mailings.find(self.store, target, issue.date)
        unfinished = earlier if earlier is not None and _goes_on(earlier, issue, edition) else None
        audience = survey(self.store, list_id=target.id, issue=issue.slug, mailing_id=earlier.id if earlier else None)
        if unfinished is None:
            facts = gate.Facts(
                subject=edition.subject,
                postal_address=self.settings.newsroom.postal_address,
                recipients=audience.prepared,
                list_name=target.name,
                issue_findings=issue.findings,
                earlier=earlier,
            )
            gate.pass_or_block(facts, waived=waived)
        return Plan(
            issue=issue,
            edition=edition,
            target=target,
            audience=audience,
            waived=frozenset(waived),
            unfinished=unfinished,
        )

    def send(
        self,
        plan: Plan,
        *,
        actor: str,
        on_progress: OnProgress = lambda _: None,
        patience: timedelta = PATIENCE,
    ) -> Report:
        """Carry the plan out, in this process, until every delivery has its end or SIGTERM or SIGINT asks to stop.

        Args:
            plan: from `plan`.
            actor: who sends, for the audit.
            on_progress: told how far it is, several times a second.
            patience: how long deferred deliveries are tried again, from now.

        Returns:
            The report: `finished`, or with what is left where it was stopped.

        Raises:
            InputError: the mail server does not answer (nothing was changed then), or the database cannot be used.
            BlockedError: the mail server refuses us for good, or the mailing is paused.
        """
        sender = self.sender()
        sender.check()
        mailing = self._started(plan, actor, self.clock() + patience)
        release(self.store, mailing, clock=self.clock)
        # The frozen bytes, and not the ones just rendered: they are what the readers of the first half got.
        edition = mailings.edition_of(self.store, mailing.edition_digest)
        worker = Worker(
            store=self.store,
            mailing=mailing,
            copies=Copies.of(edition, mailing, self.keys),
            sender=sender,
            clock=self.clock,
            on_progress=on_progress,
        )
        with stopping(worker.stop):
            worker.run()
        return reports.of(self.store, mailing.id, clock=self.clock)

    def sender(self) -> Sender:
        """What `[sender]` asks for.

        Raises:
            InputError: a secret is missing, or would cross the network unencrypted.
        """
        return by_settings(self.settings.sender, newsroom_settings.secret, root=self.settings.root)

    def stand_by(self, *, name: str | None = None) -> StandBy:
        """A worker that sends whatever is being sent; `name` is what the ledger calls it.

        Raises:
            InputError: the sender cannot be made.
        """
        return StandBy(store=self.store, keys=self.keys, sender=self.sender(), clock=self.clock, name=name)

    def _started(self, plan: Plan, actor: str, not_later_than: datetime) -> Mailing:
        """The plan's mailing, being sent. A person who sends again gives it new patience."""
        now = self.clock()
        mailing = plan.unfinished
        if mailing is None:
            order = mailings.Order(
                issue=plan.issue.slug,
                edition=plan.edition,
                target=plan.target,
                local_date=plan.issue.date,
                not_later_than=not_later_than,
                actor=actor,
                waived=plan.waived,
            )
            mailing = mailings.create(self.store, order, now=now)
        if mailing.status is MailingStatus.PAUSED:
            raise BlockedError(f"mailing {mailing.id} is paused", remedy="Resume it first")
        started = mailing if mailing.status is MailingStatus.SENDING else mailing.start(now)
        return mailings.move(self.store, mailing, replace(started, not_later_than=not_later_than))


def _goes_on(earlier: Mailing, issue: Issue, edition: Edition) -> bool:
    return not earlier.ended and earlier.issue == issue.slug and earlier.edition_digest == edition.digest
