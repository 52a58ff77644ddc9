"""What the public pages have in common: whose they are, how they speak, where a request comes from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from newsletter.audience.networks import network_of
from newsletter.audience.rates import LimitError
from newsletter.settings import MailingList
from newsletter.tokens import TokenError
from newsletter.web.pages import page
from newsletter.web.public.past import Archive
from newsletter.web.translating import Tongue, choose, marked

if TYPE_CHECKING:
    from newsletter.app import App

A_MINUTE = "public, max-age=60"
"""How long a page that is the same for everybody may be kept: a proxy then asks once a minute, whoever reads."""
LEAVING_PATIENCE = 8.0
"""Seconds that leaving a list waits for another writer: a mailbox provider that is told to come back may never do so, and
gives up after about ten. How many wait at a time is bounded (`guards.FewWrites`)."""
HONEYPOT = "topic_url"
"""A field that people do not see and programs fill in. No browser and no keeper of passwords knows what to put there."""

NO_ADDRESS = marked("This is no e-mail address. It looks like name@example.org.")


class Site:
    """One newsroom's public pages: what each of them is made with."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.store = app.store
        self.patient = app.store.impatient(LEAVING_PATIENCE)
        self.keys = app.keys
        self.now = app.clock
        newsroom = app.settings.newsroom
        self.url = newsroom.url
        self.lists: Mapping[str, MailingList] = {
            name: known for name, known in app.settings.lists.items() if known.public
        }
        self.welcoming = [name for name, known in app.settings.lists.items() if known.welcome]
        self.archive = Archive(app.store, self.lists)
        self.shared: dict[str, Any] = {
            "newsroom": newsroom,
            "contact": newsroom.reply_to or newsroom.from_address,
            "public_lists": self.lists,
            "honeypot": HONEYPOT,
        }

    def tongue(self, request: Request, own: str | None = None) -> Tongue:
        """How to speak to whoever asks; `own` is the language that the reader has chosen."""
        accepted = request.headers.get("accept-language", "")
        return choose(self.app.settings.newsroom.language, accepted, own=own)

    def network(self, request: Request) -> str:
        """The network that a request comes from."""
        return network_of(request.client.host) if request.client else ""

    def local_day(self, instant: datetime, zone: str | None) -> Date:
        """The day on the reader's calendar, or the newsroom's."""
        return instant.astimezone(ZoneInfo(zone or self.app.settings.newsroom.zone)).date()

    def page(
        self,
        request: Request,
        name: str,
        values: Mapping[str, Any] | None = None,
        *,
        tongue: Tongue | None = None,
        status: int = 200,
        public: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The page `public/NAME.html`. `public`: it is the same for everybody of one language, and may be found."""
        kept = {"Cache-Control": A_MINUTE, "Vary": "Accept-Language", "X-Robots-Tag": "all"} if public else {}
        return page(
            request,
            f"public/{name}.html",
            {**self.shared, "findable": public, **(values or {})},
            status=status,
            headers={**kept, **(headers or {})},
            tongue=tongue or self.tongue(request),
        )


def too_many(error: LimitError) -> HTTPException:
    """The answer to a network that asks for too much, with the time after which it may ask again."""
    return HTTPException(429, headers={"Retry-After": str(error.retry_after)})


def not_ours(error: TokenError) -> HTTPException:
    """The answer to a token that opens nothing: a page that helps, and tells a forger nothing."""
    del error
    return HTTPException(404)
