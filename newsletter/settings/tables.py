"""The tables of `newsletter.toml`, a class each. Every default is written here and nowhere else."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from newsletter.settings.joining import JoiningSettings
from newsletter.settings.look import DEFAULT_SIDES, Brand, Side
from newsletter.settings.values import (
    Address,
    Domain,
    Hour,
    Length,
    Line,
    Share,
    Table,
    Url,
    Zone,
    nearest,
)
from newsletter.settings.web import WebSettings

DATA_FOLDER = "data"
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Newsroom(Table):
    """`[newsroom]`: who publishes, and where its pages are."""

    name: Line
    """The newsroom's name, as readers see it at the head and foot of every e-mail."""
    postal_address: Line = ""
    """The postal address under every e-mail. While it is empty nothing is sent: the law wants one."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    """The newsletter's language, a BCP 47 tag such as `en` or `pt-BR`: how dates are written, where lines begin."""
    zone: Zone = "UTC"
    """The time zone whose calendar decides what day it is, by its IANA name. Lists may have zones of their own."""
    url: Url = "http://localhost:8025"
    """Where the readers' pages are (view online, preferences, unsubscribe), without a slash at the end."""
    from_name: Line = ""
    """The name in the From header. Left empty: `name`."""
    from_address: Address = "newsletter@localhost.localdomain"
    """The address in the From header and in the envelope; the server of `[sender]` must let you use it."""
    reply_to: Address | None = None
    """Where answers go. Left out: to `from_address`."""


class MailingList(Table):
    """`[lists.NAME]`: a list that readers join, under the title they see."""

    title: Line
    """The list's name for readers: in the footer, on their pages, in the List-Id header."""
    public: bool = True
    """Whether anybody may sign up on the home page, and read its issues in the archive and the feeds once they are out."""
    zone: Zone | None = None
    """The list's time zone. Left out: the newsroom's."""
    hour: Hour | None = None
    """When an issue goes out, on the clocks of the list's zone, such as `"06:00"`. With it the list has a calendar: a day
    of the calendar without an issue raises an alert. Left out: no calendar, and `issue schedule` needs `--at`."""
    days: tuple[Weekday, ...] = WEEKDAYS
    """The days of the week that have an issue, such as `["mon", "tue", "wed", "thu", "fri"]`."""
    skip: tuple[Date, ...] = ()
    """Days without an issue, such as `[2026-12-25, 2027-01-01]`."""
    ready_by: Hour | None = None
    """By when the day's issue has to be scheduled, on the same clocks and before `hour`; an alert is raised where it is
    not. Left out: at `hour` itself."""
    not_later_than: Length = timedelta(hours=6)
    """How late an issue may begin by itself, after an outage for instance, and how long what a server defers is tried
    again. What is found later is held until a person decides."""
    past_waves: Literal["at once", "skip"] = "at once"
    """What becomes of readers whose own hour has passed already when an issue is scheduled: they get it at once (within
    `not_later_than`), or not at all."""
    local: bool = False
    """Whether each reader gets an issue at the hour of their own zone, or at the hour that they chose."""
    recurring: bool = False
    """Whether each day's approved issue is scheduled by itself, as it stands once everything is signed."""
    welcome: bool = True
    """Whether a reader who has confirmed gets a welcome by mail, with the links to the preferences and to leave."""
    canary: Share = 0.0
    """A share of the readers, such as `"1%"`, who get an issue five minutes before all others, so that what goes wrong
    shows early."""
    resend_unknown_after: Annotated[int, Field(ge=5, le=14 * 24 * 60)] | None = None
    """Minutes after which a message that may have arrived is sent again, to be counted as possibly twice. Left out: never by
    itself; a person decides (`newsletter mailing resolve`)."""

    @model_validator(mode="after")
    def _calendar_is_whole(self) -> Self:
        needing = [name for name in ("ready_by", "recurring") if getattr(self, name)]
        if self.hour is None and needing:
            raise ValueError(f'{needing[0]} needs an hour: add a line such as hour = "06:00"')
        if self.hour is not None and self.ready_by is not None and self.ready_by >= self.hour:
            raise ValueError("ready_by must be before hour")
        return self

    @model_validator(mode="after")
    def _some_day_has_an_issue(self) -> Self:
        if not self.days or len(set(self.days)) < len(self.days):
            raise ValueError("days must name each day once, and at least one")
        return self


class RampUp(Table):
    """`[sender.ramp_up]`: how many messages a new sender's address may send a day, so that providers get used to it."""

    since: Date
    """The first day, as `2026-11-23`. Days are those of UTC."""
    first_day: Annotated[int, Field(ge=1, le=10_000_000)] = 500
    """How many messages the server may take on the first day. What is over that waits for the next."""
    factor: Annotated[float, Field(ge=1, le=10)] = 1.5
    """How many times the number of the day before each day has. 1: the same every day."""


class DomainLimits(Table):
    """`[sender.domains."DOMAIN"]`: how mail to the addresses of one domain is paced. 0 is no limit."""

    per_second: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """How many messages a second go to it, over all mailings and workers. 0.2 is one in five seconds."""
    connections: Annotated[int, Field(ge=0, le=64)] = 0
    """How many of a mailing's connections may be busy with it at a time, in each worker."""
    per_day: Annotated[int, Field(ge=0)] = 0
    """How many of its messages the server may take in a day of UTC. What is over that waits for the next."""


def _once(domains: object) -> object:
    """Nobody means the second of two tables that differ in capitals only to replace the first."""
    if isinstance(domains, dict):
        names = [str(name).lower() for name in domains]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice!r} is there twice, in other capitals")
        if "" in names:
            raise ValueError('a domain\'s name is missing: write [sender.domains."mail.example"]')
    return domains


class SenderSettings(Table):
    """`[sender]`: where mail is handed over. Secrets: NEWSLETTER_SMTP_PASSWORD, NEWSLETTER_DKIM_KEY, or NEWSLETTER_SENDGRID_KEY."""

    kind: Literal["smtp", "sendgrid", "inbox"] = "smtp"
    """How mail is handed over: to a mail server, to SendGrid, or into a folder of this machine, where it stays."""
    folder: Line = "data/mail"
    """With `inbox`: the folder that messages are put into, a Maildir, as mail programs read it."""
    url: Url = "https://api.sendgrid.com"
    """With `sendgrid`: where its interface is; `https://api.eu.sendgrid.com` for an account in the EU region."""
    sandbox: bool = False
    """With `sendgrid`: have it check every request and mail nobody. For trying out an account."""
    events_key: Line = ""
    """With `sendgrid`: the verification key of its signed Event Webhook, which posts to `/hooks/sendgrid`."""
    host: Line = "127.0.0.1"
    """The mail server's name or address. The default is this machine, where `newsletter inbox` listens."""
    port: Annotated[int, Field(ge=1, le=65535)] = 2525
    """The mail server's port: 587 as a rule with `starttls`, 465 with `tls`."""
    security: Literal["none", "starttls", "tls"] = "none"
    """`starttls` encrypts once connected, `tls` from the first byte, `none` not at all. Certificates are verified."""
    username: Line = ""
    """The name to sign in with. Left empty: without signing in."""
    connections: Annotated[int, Field(ge=1, le=64)] = 8
    """How many connections send at once; also the most deliveries that a killed process leaves unknown."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds that the server may take for one step before the connection counts as dead."""
    pipelining: bool = True
    """With `smtp`: send sender, recipient and DATA in one go where the server offers it. Off: for servers that offer it
    and do not keep to it."""
    return_path: Address | None = None
    """With `smtp`: where bounces go, such as `bounces@news.example`; each is sent to `bounces+…@news.example`, which names
    whom it is about, and the server there must take these. Left out: bounces go to the From address."""
    dkim_domain: Domain = ""
    """With `smtp`: the domain that signs each message (DKIM), best that of the From address. Left empty: no signature."""
    dkim_selector: Domain = ""
    """With `smtp`: under which name of that domain receivers look for the key: `SELECTOR._domainkey.DOMAIN`."""
    per_second: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """With `smtp`: how many messages a second the server gets, over all mailings and workers. 0: as many as it takes."""
    ramp_up: RampUp | None = None
    """With `smtp`: a growing number of messages a day for a sender that is new, in a table of its own."""
    domains: Annotated[dict[Domain, DomainLimits], BeforeValidator(_once)] = Field(default_factory=dict)
    """With `smtp`: limits for single domains of readers, each in a table of its own."""

    @model_validator(mode="after")
    def _dkim_is_whole(self) -> Self:
        if bool(self.dkim_domain) != bool(self.dkim_selector):
            raise ValueError("dkim_domain and dkim_selector go together: name both or neither")
        return self

    @model_validator(mode="after")
    def _limits_are_held(self) -> Self:
        for name in ("per_second", "ramp_up", "domains"):
            if self.kind == "sendgrid" and getattr(self, name):
                raise ValueError(f"{name} cannot be held with SendGrid, which paces by itself: take it out")
        return self


class RoundupSettings(Table):
    """`[roundup]`: what the parser warns of."""

    longest_quote_words: Annotated[int, Field(ge=10)] = 220
    """Words past which a quote is warned of."""


class ApprovalSettings(Table):
    """`[approval]`: what an edition needs before it may be sent. Any edit makes another edition, which needs it anew."""

    tested: bool = True
    """Whether somebody must have sent this very edition to themselves (`newsletter issue test`)."""
    needed: Annotated[int, Field(ge=0, le=20)] = 1
    """How many people must have approved this very edition. 0: it goes without."""
    by_author: bool = True
    """Whether the approval of the issue's author counts. Where it does not, `issue.toml` must name the author."""
    sides: tuple[Line, ...] = ()
    """Keys of `[sides]` that must each have an approval, from a user of that side (`newsletter user add --side`)."""


class CheckSettings(Table):
    """`[checks]`: what the checks of an issue hold it to, beyond what is always held."""

    waivable: tuple[Line, ...] = ()
    """Codes of errors that an editor may waive with name and reason, as every warning can be: `["TEXT-PLACEHOLDER"]`."""
    recent_issues: Annotated[int, Field(ge=0, le=60)] = 5
    """How many issues before this one count as recent, when an author or outlet comes again. 0: none."""
    far_days: Annotated[int, Field(ge=1, le=3660)] = 60
    """Days ahead past which an issue's date is warned of."""


class AlertSettings(Table):
    """`[alerts]`: who is told when something is the matter. The webhook is signed with the secret NEWSLETTER_ALERTS_KEY."""

    mail_to: tuple[Address, ...] = ()
    """Addresses of the newsroom's own that alerts are mailed to, at most one mail an hour of each kind."""
    url: Url | None = None
    """Where alerts are posted as JSON, signed by Standard Webhooks. Chat programs that show a field `text` will do."""
    url_is_inside: bool = False
    """Whether `url` may lead into the newsroom's own network. Otherwise only a public host on a web port is asked."""
    remind_hours: Annotated[float, Field(ge=1, le=168)] = 4.0
    """After how many hours an alert is told again that is open and that nobody has acknowledged."""


Percent = Annotated[float, Field(gt=0, le=100)]


class BreakerSettings(Table):
    """`[breaker]`: when a mailing pauses by itself. Each counts past a minimum volume only; 100 is never reached."""

    complaints_percent: Percent = 0.1
    """Complaints, out of what was accepted. Mailbox providers want less than 0.1 and block at 0.3."""
    bounces_percent: Percent = 2.0
    """Addresses that do not exist, out of what was tried."""
    temporary_percent: Percent = 20.0
    """What receivers put off for now, out of what was tried."""
    errors_percent: Percent = 50.0
    """Calls on which the provider itself failed for a quarter of an hour, out of all calls."""


def _long_enough(days: int) -> int:
    if 0 < days < SHORTEST_RETENTION:
        raise ValueError(f"must be 0, which keeps it for ever, or at least {SHORTEST_RETENTION} days")
    return days


SHORTEST_RETENTION = 14
"""Days: events settle what is unknown for a week after a mailing's end, and then people want to look at it."""

Days = Annotated[int, Field(ge=0, le=36_500), AfterValidator(_long_enough)]


class RetentionSettings(Table):
    """`[retention]`: how many days `newsletter db prune` leaves things as they are. 0: for ever."""

    deliveries_days: Days = 90
    """Days after a mailing's end at which its deliveries and their attempts become the counts of its report."""
    event_bodies_days: Days = 30
    """Days after which events lose what the provider has posted with them (addresses, devices), and stay otherwise."""
    events_days: Days = 730
    """Days after which events are removed, where their deliveries have become counts."""
    notices_days: Days = 90
    """Days after which notices that have their end (test sends, confirmations) are removed."""
    unconfirmed_days: Days = 14
    """Days after which a sign-up that nobody confirmed is removed, and the person with it who is on no other list."""
    left_days: Days = 1095
    """Days after which whoever has left all lists is erased: their evidence goes, a keyed hash stays, so that no import
    brings them back."""


class Settings(Table):
    """All settings of one newsroom. `root` is its folder."""

    root: Path
    newsroom: Newsroom
    brand: Brand = Brand()
    sides: dict[str, Side] = DEFAULT_SIDES
    lists: dict[str, MailingList] = Field(default_factory=dict)
    sender: SenderSettings = SenderSettings()
    roundup: RoundupSettings = RoundupSettings()
    approval: ApprovalSettings = ApprovalSettings()
    checks: CheckSettings = CheckSettings()
    alerts: AlertSettings = AlertSettings()
    breaker: BreakerSettings = BreakerSettings()
    retention: RetentionSettings = RetentionSettings()
    joining: JoiningSettings = JoiningSettings()
    web: WebSettings = WebSettings()

    @model_validator(mode="after")
    def _approval_by_known_sides(self) -> Self:
        for side in self.approval.sides:
            if side not in self.sides:
                raise ValueError(f"no side is called {side!r} (approval.sides). {nearest(side, list(self.sides))}")
        return self

    @property
    def data(self) -> Path:
        """The folder of what the system writes for itself (database, keys). Not for git."""
        return self.root / DATA_FOLDER

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "newsletter.db"

    @property
    def issues(self) -> Path:
        """The folder that holds one folder an issue."""
        return self.root / "issues"

    @property
    def templates(self) -> Path:
        """The newsroom's own e-mail templates, one folder a template."""
        return self.root / "templates" / "email"
