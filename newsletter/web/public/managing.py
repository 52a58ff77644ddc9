"""What a fresh mailed link opens: another address, one's own data to see, and to have erased."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from newsletter.audience import asking, joining, moving, own_data
from newsletter.audience.addresses import LONGEST
from newsletter.audience.erasures import Erasures
from newsletter.audience.rates import LimitError
from newsletter.errors import BlockedError, InputError
from newsletter.tokens import ExpiredTokenError, TokenError
from newsletter.web.pages import READ, Links
from newsletter.web.public.site import HONEYPOT, NO_ADDRESS, Site, not_ours, too_many
from newsletter.web.requests import log_fault
from newsletter.web.translating import marked

_ASKED = marked("A link is on its way to the new address.")
_NOT_SURE = marked("Tick the box first: what is erased cannot be brought back.")
FILE_NAME = "my-data.json"

Typed = Annotated[str, Form(max_length=2 * LONGEST)]


class _Managing:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._erasures = Erasures.of(site.app.settings.data)

    def ask_page(self, request: Request) -> Response:
        """A field for those who have no mail of ours at hand."""
        return self._site.page(request, "lost", {"fault": ""})

    def ask(
        self, request: Request, email: Typed = "", trap: Annotated[str, Form(alias=HONEYPOT, max_length=1000)] = ""
    ) -> Response:
        """Mail the link to an address, if it is known. The answer is the same for every address."""
        site = self._site
        tongue = site.tongue(request)
        try:
            address = joining.reachable(email)
        except InputError:
            return site.page(request, "lost", {"fault": tongue.say(NO_ADDRESS)}, status=400)
        if not trap:
            asked: dict[str, Any] = {
                "network": site.network(request),
                "limits": site.app.settings.joining,
                "now": site.now(),
            }
            try:
                asking.send_link_to(site.store, site.keys, address.text, language=tongue.tag, **asked)
            except LimitError as error:
                raise too_many(error) from error
        return RedirectResponse(Links(request.scope)("/manage/asked"), status_code=303)

    def asked(self, request: Request) -> Response:
        """Where everybody is sent who has asked."""
        return self._site.page(request, "asked")

    def page(self, request: Request, token: str) -> Response:
        """The choices. Changes nothing, and shows no more than the mail that the link came in."""
        return self._page(request, token, {})

    def address(self, request: Request, token: str, email: Typed = "") -> Response:
        """Ask the owner of a new address to confirm it. What is said does not depend on whose that is."""
        site = self._site
        known = self._known(request, token)
        if isinstance(known, Response):
            return known
        tongue = site.tongue(request, known.language)
        try:
            wanted = joining.reachable(email)
        except InputError:
            return self._page(request, token, {"fault": tongue.say(NO_ADDRESS)}, status=400)
        asked: dict[str, Any] = {
            "network": site.network(request),
            "limits": site.app.settings.joining,
            "now": site.now(),
        }
        try:
            moving.change_address(site.store, site.keys, token, wanted.text, language=tongue.tag, **asked)
        except LimitError as error:
            raise too_many(error) from error
        return self._page(request, token, {"said": tongue.say(_ASKED)})

    def export(self, request: Request, token: str) -> Response:
        """Everything that is kept of the reader, as a file."""
        try:
            data = own_data.export_own(self._site.store, self._site.keys, token, now=self._site.now())
        except TokenError as error:
            return self._refused(request, error)
        content = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
        named = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
        return Response(content.encode("utf-8", "replace"), media_type="application/json; charset=utf-8", headers=named)

    def erase(self, request: Request, token: str, sure: Annotated[str, Form(max_length=10)] = "") -> Response:
        """Erase the reader."""
        site = self._site
        known = self._known(request, token)
        if isinstance(known, Response):
            return known
        tongue = site.tongue(request, known.language)
        if sure != "yes":
            return self._page(request, token, {"fault": tongue.say(_NOT_SURE)}, status=400)
        now = site.now()
        try:
            digest = own_data.erase_own(site.store, site.keys, token, now=now)
        except TokenError as error:
            return self._refused(request, error)
        if not self._erasures.note(digest, at=now):
            log_fault("erasure.unnoted", request.scope, error=f"cannot write {self._erasures.path}")
        return site.page(request, "erased", tongue=tongue)

    def move_page(self, request: Request, token: str) -> Response:
        """Asks the owner of a new address. Changes nothing: scanners follow links."""
        try:
            change = moving.address_change(self._site.store, self._site.keys, token, now=self._site.now())
        except TokenError as error:
            return self._refused(request, error)
        return self._move_page(request, token, change)

    def move(self, request: Request, token: str) -> Response:
        """Changes the address. Pressed twice, it says the same."""
        site = self._site
        asked: dict[str, Any] = {"network": site.network(request), "now": site.now()}
        try:
            change = moving.confirm_address(site.store, site.keys, token, **asked)
        except TokenError as error:
            return self._refused(request, error)
        except BlockedError as error:
            taken = isinstance(error, moving.TakenError)
            return site.page(request, "refused", {"taken": taken}, status=409)
        return self._move_page(request, token, change)

    def _move_page(self, request: Request, token: str, change: moving.AddressChange) -> Response:
        return self._site.page(request, "address", {"change": change, "token": token})

    def _known(self, request: Request, token: str) -> own_data.Managed | Response:
        """Whose page it is, or the page that says that the link has run out."""
        try:
            return own_data.managed(self._site.store, self._site.keys, token, now=self._site.now())
        except TokenError as error:
            return self._refused(request, error)

    def _page(self, request: Request, token: str, values: dict[str, Any], *, status: int = 200) -> Response:
        known = self._known(request, token)
        if isinstance(known, Response):
            return known
        shown = {"masked": known.masked, "token": token, "fault": "", "said": ""}
        tongue = self._site.tongue(request, known.language)
        return self._site.page(request, "manage", shown | values, tongue=tongue, status=status)

    def _refused(self, request: Request, error: TokenError) -> Response:
        if isinstance(error, ExpiredTokenError):
            return self._site.page(request, "expired", {"again": "manage"}, status=410)
        raise not_ours(error)


def add_managing(web: FastAPI, site: Site) -> None:
    """Add the pages to `web`."""
    pages = _Managing(site)
    shown: dict[str, Callable[..., Response]] = {
        "/manage": pages.ask_page,
        "/manage/asked": pages.asked,
        "/manage/{token}": pages.page,
        "/address/{token}": pages.move_page,
    }
    posted: dict[str, Callable[..., Response]] = {
        "/manage": pages.ask,
        "/manage/{token}/address": pages.address,
        "/manage/{token}/export": pages.export,
        "/manage/{token}/erase": pages.erase,
        "/address/{token}": pages.move,
    }
    for path, endpoint in shown.items():
        web.add_api_route(path, endpoint, methods=READ, response_model=None)
    for path, endpoint in posted.items():
        web.add_api_route(path, endpoint, methods=["POST"], response_model=None)
