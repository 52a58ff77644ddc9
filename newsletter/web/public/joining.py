"""Signing up: a field, a mail, a button. Whether an address is known here, nobody learns from what these pages say."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from newsletter.audience import joining
from newsletter.audience.addresses import LONGEST
from newsletter.audience.rates import LimitError
from newsletter.errors import BlockedError, InputError
from newsletter.settings import MailingList
from newsletter.store.statuses import SubscriptionStatus
from newsletter.tokens import ExpiredTokenError, TokenError
from newsletter.web.pages import READ, Links
from newsletter.web.public.reading import last_and_earlier
from newsletter.web.public.site import HONEYPOT, NO_ADDRESS, Site, not_ours, too_many
from newsletter.web.translating import Tongue, marked

JOIN = "/join"
JOINED = "/joined"
LIST_WORDS = marked("Please send me “%(list)s” by e-mail, until I end it.")
_CHOSEN_LIST = marked("Please send me the newsletter that I have chosen by e-mail, until I end it.")
_YES = marked("Yes, send it to me")


class _Joining:
    def __init__(self, site: Site) -> None:
        self._site = site

    def join(
        self,
        request: Request,
        email: Annotated[str, Form(max_length=2 * LONGEST)] = "",
        chosen: Annotated[str, Form(alias="list", max_length=100)] = "",
        trap: Annotated[str, Form(alias=HONEYPOT, max_length=1000)] = "",
    ) -> Response:
        """Take a wish down. The answer is the same for every address, known, unknown, suppressed or erased."""
        site = self._site
        wanted = site.lists.get(chosen)
        if wanted is None:
            raise HTTPException(400)
        tongue = site.tongue(request)
        try:
            address = joining.reachable(email)
        except InputError:
            fault = tongue.say(NO_ADDRESS)
            values = {**last_and_earlier(site), "fault": fault, "list_name": chosen}
            return site.page(request, "home", values, status=400)
        # Who fills in what nobody sees is a program: it is told what everybody is told.
        if not trap:
            self._request(request, chosen, wanted, address.text, tongue)
        return RedirectResponse(Links(request.scope)(JOINED), status_code=303)

    def joined(self, request: Request) -> Response:
        """Where everybody is sent who has asked."""
        return self._site.page(request, "joined")

    def confirm_page(self, request: Request, token: str) -> Response:
        """Asks. Changes nothing: scanners follow links."""
        try:
            about = joining.confirmation(self._site.store, self._site.keys, token, now=self._site.now())
        except TokenError as error:
            return self._refused(request, error)
        done = about.status is SubscriptionStatus.SUBSCRIBED
        return self._confirm_page(request, about, token, done=done)

    def confirm(self, request: Request, token: str) -> Response:
        """Subscribes. Pressed twice, it says the same."""
        site = self._site
        tongue = site.tongue(request)
        try:
            about = joining.confirm(
                site.store,
                site.keys,
                token,
                welcome=site.welcoming,
                language=tongue.tag,
                network=site.network(request),
                text=tongue.say(_YES),
                now=site.now(),
            )
        except TokenError as error:
            return self._refused(request, error)
        except BlockedError:
            return site.page(request, "refused", {"taken": False}, status=409)
        return self._confirm_page(request, about, token, done=True)

    def _confirm_page(
        self, request: Request, about: joining.Confirmation, token: str, *, done: bool = False
    ) -> Response:
        values = {"about": about, "token": token, "done": done, "words": self._site.tongue(request).say(_YES)}
        return self._site.page(request, "confirm", values)

    def _refused(self, request: Request, error: TokenError) -> Response:
        if isinstance(error, ExpiredTokenError):
            return self._site.page(request, "expired", {"again": "join"}, status=410)
        raise not_ours(error)

    def _request(self, request: Request, name: str, wanted: MailingList, address: str, tongue: Tongue) -> None:
        site = self._site
        try:
            joining.request(
                site.store,
                site.keys,
                name,
                address,
                language=tongue.tag,
                source=JOIN,
                network=site.network(request),
                text=consent_words(site, wanted, tongue),
                limits=site.app.settings.joining,
                now=site.now(),
            )
        except LimitError as error:
            raise too_many(error) from error


def consent_words(site: Site, wanted: MailingList, tongue: Tongue) -> str:
    """What stood at the button: the words that are kept as what the reader agreed to."""
    if len(site.lists) == 1:
        return tongue.say(LIST_WORDS, list=wanted.title)
    return f"{wanted.title}: {tongue.say(_CHOSEN_LIST)}"


def add_joining(web: FastAPI, site: Site) -> None:
    """Add the pages to `web`."""
    pages = _Joining(site)
    web.add_api_route(JOIN, pages.join, methods=["POST"], response_model=None)
    web.add_api_route(JOINED, pages.joined, methods=READ, response_model=None)
    web.add_api_route("/confirm/{token}", pages.confirm_page, methods=READ, response_model=None)
    web.add_api_route("/confirm/{token}", pages.confirm, methods=["POST"], response_model=None)
