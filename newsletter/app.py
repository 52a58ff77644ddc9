"""The composition root: the settings become an `App`, with everything that the command line and the web need."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from types import TracebackType
from typing import Self

import structlog

from newsletter import reports, store, tokens
from newsletter import settings as newsroom_settings
from newsletter.audience import MailingList, lists
from newsletter.audience.choosing import EVERYBODY, Choice
from newsletter.clock import Clock, system_clock
from newsletter.delivery import Audience, Copies, OnProgress, StandBy, Worker, release, stopping, survey
from newsletter.delivery import announcer as announcing
from newsletter.delivery.announcer import Announcer
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.correspondence import Correspondence
from newsletter.delivery.notices import MarkedMail, Noticed, send_tests
from newsletter.delivery.rereading import Rereading
from newsletter.delivery.restored import Watch
from newsletter.delivery.scheduler import Scheduler
from newsletter.delivery.senders import by_settings
from newsletter.delivery.senders.base import Sender
from newsletter.delivery.telling import Teller
from newsletter.errors import BlockedError, InputError
from newsletter.issues import Issue, newsroom_outlets
from newsletter.publishing import Mailing, editions, gate, mailings, testing, users
from newsletter.publishing.audience_size import usual_on
from newsletter.publishing.examining import Examined, examine
from newsletter.publishing.scheduling import recheck
from newsletter.publishing.user import User
from newsletter.rendering import Edition, render
from newsletter.reports import Report
from newsletter.roundups import Outlets
from newsletter.settings import Settings
from newsletter.settings.secrets import DATABASE
from newsletter.store import Store, known_keys
from newsletter.store.marker import MARKER_FILE, Marker
from newsletter.store.statuses import MailingStatus
from newsletter.tokens import TokenKeys

log = structlog.get_logger(__name__)

PATIENCE = timedelta(hours=6)
"""How long deferred deliveries are tried again: by then a morning's newsletter has lost its morning."""

KEY_FILE = "secret.key"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A send that has passed the gate. `unfinished` is the mailing that it goes on with; None where it starts one."""

    examined: Examined
    target: MailingList
    audience: Audience
    unfinished: Mailing | None
    choice: Choice = EVERYBODY

    @property
    def issue(self) -> Issue:
        """What is sent."""
        return self.examined.issue

    @property
    def edition(self) -> Edition:
        """The very bytes."""
        return self.examined.edition


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """One newsroom, open. A context manager: it closes the database at the end."""

    settings: Settings
    store: Store
    keys: TokenKeys
    outlets: Outlets
    clock: Clock
    watch: Watch

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock = system_clock) -> Self:
        """Open the newsroom's database and keys, making them on first use, and make the lists that its settings name.

        Raises:
            InputError: the database, the keys or `outlets.toml` cannot be used, or these are not the database's keys.
        """
        outlets = newsroom_outlets(settings)
        given, file = newsroom_settings.secret(tokens.SECRET_NAME), settings.data / KEY_FILE
        # Keys that are no good are told before anything is made.
        keys = tokens.load_keys(given, file) if given is not None or file.exists() else None
        opened = store.open(newsroom_settings.secret(DATABASE) or store.sqlite_url(settings.database))
        try:
            keys = keys or tokens.load_keys(None, file, new=not known_keys.needed(opened))
            known_keys.hold(opened, keys.fingerprints(), at=clock())
            # Before anything of today is written, which would make a backup look newer than it is.
            watch = Watch(opened, Marker(path=settings.data / MARKER_FILE))
            with suppress(InputError):
                # Others may be writing, and reading goes on: whoever sends looks again before anything is claimed.
                watch.look(now=clock())
            lists.follow_settings(opened, settings.lists, clock=clock)
        except BaseException:
            opened.close()
            raise
        return cls(settings=settings, store=opened, keys=keys, outlets=outlets, clock=clock, watch=watch)

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def examine(self, issue: Issue) -> Examined:
        """Render the issue, check it and look up who has signed its edition. Nothing is written.

        Raises:
            InputError: it cannot be rendered.
        """
        return examine(self.store, issue, self.settings, outlets=self.outlets, now=self.clock())

    def user(self) -> User:
        """Who acts, by the secret NEWSLETTER_USER_TOKEN.

        Raises:
            InputError: there is no token, or it is nobody's.
        """
        found = self.user_if_any()
        if found is None:
            raise InputError(
                "nobody is named who does this",
                where=tokens.USER_TOKEN,
                remedy=f"Set {tokens.USER_TOKEN} (or {tokens.USER_TOKEN}_FILE) to the token that "
                "`newsletter user add` has printed",
            )
        return found

    def user_if_any(self) -> User | None:
        """The same, or None where no token is set.

        Raises:
            InputError: the token is nobody's.
        """
        token = newsroom_settings.secret(tokens.USER_TOKEN)
        return users.by_token(self.store, token, hashed=self.keys.user_hash) if token else None

    def send_test(self, issue: Issue, addresses: Sequence[str], *, user: User) -> tuple[Edition, list[Noticed]]:
        """Send this very edition to a few addresses, through what readers' mail goes through, and record it.

        The subject is marked and the readers' links lead to a page that says it is a test.

        Raises:
            InputError: the issue cannot be rendered, an address is none, or the mail server does not answer.
            BlockedError: an address gets no mail from us, or the user's role may not.
        """
        edition, now = render(issue, self.settings), self.clock()
        mail = MarkedMail.of(edition, list_name=self._list_of(issue), list_title=self._title_of(issue), now=now)
        sender = self.sender()
        sender.check()
        ordered = testing.order(
            self.store,
            edition,
            issue=issue.slug,
            addresses=addresses,
            user=user,
            fingerprint=self.keys.fingerprint,
            now=now,
        )
        return edition, send_tests(self.store, ordered, mail, sender=sender, clock=self.clock)

    def plan(self, issue: Issue, list_name: str, *, expected: int | None = None, choice: Choice = EVERYBODY) -> Plan:
        """What sending the issue to the list now would do. Nothing is written.

        Where an earlier send of this very edition was cut off, the plan goes on with it: it has passed the gate.

        Args:
            issue: the issue; it goes out as the list's issue of its date.
            list_name: one of the newsroom's lists.
            expected: how many readers a person has confirmed, where that is out of the ordinary.
            choice: whom of the list it is for.

        Raises:
            InputError: there is no such list, or the issue cannot be rendered.
            BlockedError: findings stand in the way; they come with it. Or what it would go on with is for others.
        """
        target = lists.require(self.store, list_name)
        examined = self.examine(issue)
        earlier = mailings.find(self.store, target, issue.date)
        unfinished = earlier if earlier is not None and _goes_on(earlier, examined) else None
        cancelled = earlier is not None and earlier.status is MailingStatus.CANCELLED
        # Who has the issue from the cancelled one is left out; where it is the same mailing, all count.
        same = earlier.id if earlier is not None and not cancelled else None
        if unfinished is not None:
            _refuse_others(self.store, unfinished, choice)
        audience = survey(
            self.store, list_id=target.id, issue=issue.slug, choice=choice, now=self.clock(), mailing_id=same
        )
        if unfinished is None:
            with self.store.reading() as connection:
                usual = usual_on(connection, target.id, choice)
            facts = gate.Facts(
                subject=examined.edition.subject,
                postal_address=self.settings.newsroom.postal_address,
                recipients=audience.prepared,
                list_name=target.name,
                open_findings=examined.open,
                earlier=earlier,
                earlier_open=mailings.open_of(self.store, earlier.id) if earlier is not None and cancelled else 0,
                sign_off=examined.sign_off,
                # What a cancelled one has left over is fewer than usual by its nature.
                usual=None if cancelled else usual,
                expected=expected,
                only=choice.in_words,
            )
            gate.pass_or_block(facts)
        return Plan(examined=examined, target=target, audience=audience, unfinished=unfinished, choice=choice)

    def send(
        self,
        plan: Plan,
        *,
        actor: str,
        on_progress: OnProgress = lambda _: None,
        patience: timedelta = PATIENCE,
        stop: Event | None = None,
    ) -> Report:
        """Carry the plan out, in this process, until every delivery has its end or a signal asks to stop.

        Args:
            plan: from `plan`.
            actor: who sends, for the audit.
            on_progress: told how far it is, several times a second.
            patience: how long deferred deliveries are tried again, from now.
            stop: asks to stop when set; SIGTERM, SIGINT and SIGHUP are then the caller's. Left out: they set it.

        Returns:
            The report: `finished`, or with what is left where it was stopped.

        Raises:
            InputError: the mail server does not answer (nothing was changed then), or the database cannot be used.
            BlockedError: the mail server refuses us for good, or the mailing is paused.
        """
        if stop is None:
            stop = Event()
            with stopping(stop.set):
                return self.send(plan, actor=actor, on_progress=on_progress, patience=patience, stop=stop)
        sender = self.sender()
        sender.check(stop=stop)
        if stop.is_set():
            raise BlockedError("it was stopped before it began, and nothing was changed")
        mailing = self._started(plan, actor, self.clock() + patience)
        release(self.store, mailing, clock=self.clock, stop=stop)
        # The frozen bytes, and not the ones just rendered: they are what the readers of the first half got.
        edition = editions.edition_of(self.store, mailing.edition_digest)
        worker = Worker(
            store=self.store,
            mailing=mailing,
            copies=Copies.of(edition, mailing, self.keys),
            sender=sender,
            clock=self.clock,
            stop=stop,
            on_progress=on_progress,
            breaker=Breaker(self.store, mailing.id, self.settings.breaker),
            watch=self.watch,
        )
        if not stop.is_set():
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
            InputError: the sender cannot be made, or what tells people of alerts.
        """
        sender = self.sender()
        return StandBy(
            store=self.store,
            keys=self.keys,
            sender=sender,
            clock=self.clock,
            name=name,
            announcer=self.announcer(sender),
            limits=self.settings.breaker,
            letters=self.correspondence(sender),
            watch=self.watch,
        )

    def correspondence(self, sender: Sender) -> Correspondence:
        """What carries the notices to readers: confirmations, welcomes, links to their own data."""
        return Correspondence(store=self.store, keys=self.keys, settings=self.settings, sender=sender, clock=self.clock)

    def scheduler(self) -> Scheduler:
        """What starts scheduled mailings and watches the lists' slots. It tells of alerts too: workers may be missing."""
        try:
            announcer = self.announcer(self.sender())
        except InputError as error:
            # It may run where the secrets of those who send are not set; then the workers tell.
            log.warning("alerts.not_told_from_here", why=str(error))
            announcer = None
        teller = Teller(self.store, clock=self.clock, announcer=announcer, limits=self.settings.breaker)
        return Scheduler(
            store=self.store,
            settings=self.settings,
            outlets=self.outlets,
            clock=self.clock,
            teller=teller,
            watch=self.watch,
            rereading=Rereading(self.store, self.settings.root),
        )

    def announcer(self, sender: Sender) -> Announcer:
        """What tells people of alerts.

        Raises:
            InputError: an address is none, or the key of the webhook is missing.
        """
        secret = newsroom_settings.secret
        return announcing.by_settings(self.settings, secret, store=self.store, sender=sender, clock=self.clock)

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
                waived={finding.code for finding in plan.examined.waived},
                resend_after=self._resend_after(plan.target),
                choice=plan.choice,
            )
            mailing = mailings.create(self.store, order, now=now, recheck=partial(recheck, examined=plan.examined))
        if mailing.status is MailingStatus.PAUSED:
            raise BlockedError(f"mailing {mailing.id} is paused", remedy="Resume it first")
        started = mailing if mailing.status is MailingStatus.SENDING else mailing.start(now)
        # A scheduled one may have waves to come that are later than that.
        until = not_later_than if mailing.due_at is None else max(mailing.not_later_than, not_later_than)
        moved = mailings.move(self.store, mailing, replace(started, not_later_than=until))
        self.watch.rise(now=now)
        return moved

    def _resend_after(self, target: MailingList) -> timedelta | None:
        known = self.settings.lists.get(target.name)
        minutes = known.resend_unknown_after if known else None
        return timedelta(minutes=minutes) if minutes is not None else None

    def _list_of(self, issue: Issue) -> str:
        return next(iter(issue.lists), "test")

    def _title_of(self, issue: Issue) -> str:
        known = self.settings.lists.get(self._list_of(issue))
        return known.title if known else self.settings.newsroom.name


def _goes_on(earlier: Mailing, examined: Examined) -> bool:
    same = earlier.issue == examined.issue.slug and earlier.edition_digest == examined.digest
    # One that is scheduled goes at its hour: to send it now, a person takes it back first.
    return same and not earlier.ended and not earlier.waits


def _refuse_others(store: Store, unfinished: Mailing, choice: Choice) -> None:
    """Refuse to go on with a mailing for others than are asked for: it keeps to whom it was ordered for."""
    with store.reading() as connection:
        kept = mailings.choice_of(connection, unfinished)
    if kept.in_words != choice.in_words:
        raise BlockedError(
            f"mailing {unfinished.id} of this date is half-way, and goes to {kept.in_words or 'everybody'}",
            remedy="Ask for the same again to go on with it"
            + (f": --filter '{kept.filter}'" if kept.filter and not kept.segment else ""),
        )
