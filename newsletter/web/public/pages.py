"""The pages behind the links of an e-mail, the home page and the health check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy import text
from starlette.exceptions import HTTPException

from newsletter.audience.leaving import Reader, Standing, leave, reader, rejoin
from newsletter.errors import BlockedError
from newsletter.rehearsal.preview import ONE_CLICK
from newsletter.store.statuses import SubscriptionStatus
from newsletter.tokens import INERT, TokenError
from newsletter.web.guards import mail_policy
from newsletter.web.pages import READ, Links, page
from newsletter.web.public.own_copy import own_copy

if TYPE_CHECKING:
    from newsletter.app import App

_FIELD, _, _VALUE = ONE_CLICK.partition("=")
LEAVE = "leave"
REJOIN = "rejoin"
REJOIN_WORDS = "Subscribe again"
"""What the button says; it is kept as the words of the consent."""

_OF_A_TEST = (f"/view/{INERT}", f"/leave/{INERT}", f"/preferences/{INERT}")

Action = Annotated[str, Form(max_length=20)]


class _PublicPages:
    """The pages of one newsroom."""

    def __init__(self, app: App, shared: dict[str, Any]) -> None:
        self._app = app
        self._shared = shared

    def home(self, request: Request) -> Response:
        """Who publishes here, and what."""
        titles = [settings.title for settings in self._app.settings.lists.values()]
        return self._page(request, "home", {"titles": titles})

    def health(self) -> Response:
        """Whether the database answers."""
        with self._app.store.reading() as connection:
            connection.execute(text("SELECT 1"))
        return JSONResponse({"status": "ok"})

    def test_mail(self, request: Request) -> Response:
        """Where the links of a test mail lead, all of them and the one-click POST too. Changes nothing."""
        return self._page(request, "test_mail", {})

    def view(self, track: str) -> Response:
        """The reader's own copy of an edition, in a sandbox."""
        try:
            subscriber_id, mailing_id = self._app.keys.read_track(track)
        except TokenError as error:
            raise HTTPException(404) from error
        copy = own_copy(self._app.store, self._app.keys, subscriber_id, mailing_id)
        if copy is None:
            raise HTTPException(404)
        # A sandboxed page must not ask for a browsing context group of its own: Chromium refuses to show it.
        headers = {
            "Content-Security-Policy": mail_policy(ancestors="'none'"),
            "Cross-Origin-Opener-Policy": "unsafe-none",
        }
        return Response(copy.html, media_type="text/html; charset=utf-8", headers=headers)

    def leave_page(self, request: Request, token: str) -> Response:
        """Asks, or says that it is done already. Changes nothing: scanners follow links."""
        known, standing = self._reader(token)
        return self._leave_page(request, token, known, standing)

    def leave(
        self,
        request: Request,
        token: str,
        one_click: Annotated[str, Form(alias=_FIELD, max_length=20)] = "",
        action: Action = "",
    ) -> Response:
        """Unsubscribes at once, for button and mailbox provider (RFC 8058: no cookie, no redirect); or undoes it."""
        known, standing = self._reader(token)
        refusal = ""
        if one_click == _VALUE or action == LEAVE:
            how = "one-click" if one_click else "unsubscribe page"
            leave(self._app.store, known.id, standing.list_id, at=self._app.clock(), how=how)
        elif action == REJOIN:
            refusal = self._rejoin(known, standing, how="unsubscribe page")
        else:
            raise HTTPException(400)
        known, standing = self._reader(token)
        status = 409 if refusal else 200
        values = {"asked": action or LEAVE, "refusal": refusal}
        return self._leave_page(request, token, known, standing, values=values, status=status)

    def preferences(self, request: Request, token: str, saved: str = "") -> Response:
        """The reader's lists. Changes nothing."""
        known, _ = self._reader(token)
        changed = next((standing for standing in known.standings if standing.list_name == saved), None)
        return self._page(request, "preferences", {"reader": known, "token": token, "changed": changed})

    def change(
        self, request: Request, token: str, action: Action, chosen: Annotated[str, Form(alias="list", max_length=100)]
    ) -> Response:
        """Leave a list, or come back to it; then the list of lists again."""
        known, _ = self._reader(token)
        standing = next((standing for standing in known.standings if standing.list_name == chosen), None)
        if standing is None or action not in {LEAVE, REJOIN}:
            raise HTTPException(400)
        refusal = ""
        if action == LEAVE:
            leave(self._app.store, known.id, standing.list_id, at=self._app.clock(), how="preferences page")
        else:
            refusal = self._rejoin(known, standing, how="preferences page")
        if refusal:
            values = {"reader": known, "token": token, "changed": None, "refusal": refusal}
            return self._page(request, "preferences", values, status=409)
        path = Links(request.scope)(f"/preferences/{token}?{urlencode({'saved': chosen})}")
        return RedirectResponse(path, status_code=303)

    def _rejoin(self, known: Reader, standing: Standing, *, how: str) -> str:
        """Take up the subscription again; why that is not possible, or ""."""
        try:
            rejoin(
                self._app.store,
                known.id,
                standing.list_id,
                at=self._app.clock(),
                how=how,
                words=REJOIN_WORDS,
                fingerprint=self._app.keys.fingerprint,
            )
        except BlockedError as error:
            return error.what
        return ""

    def _reader(self, token: str) -> tuple[Reader, Standing]:
        """The reader and the standing that a leave token names; a 404 page where it names none."""
        try:
            subscriber_id, list_id = self._app.keys.read_leave(token)
        except TokenError as error:
            raise HTTPException(404) from error
        known = reader(self._app.store, subscriber_id)
        standing = known.standing(list_id) if known else None
        if known is None or standing is None:
            raise HTTPException(404)
        return known, standing

    def _leave_page(
        self,
        request: Request,
        token: str,
        known: Reader,
        standing: Standing,
        *,
        values: dict[str, Any] | None = None,
        status: int = 200,
    ) -> Response:
        shown = {"reader": known, "standing": standing, "token": token, "asked": "", "refusal": ""}
        return self._page(request, "leave", shown | (values or {}), status=status)

    def _page(self, request: Request, name: str, values: dict[str, Any], *, status: int = 200) -> Response:
        return page(request, f"public/{name}.html", self._shared | {"refusal": ""} | values, status=status)


def add_public_pages(web: FastAPI, app: App, shared: dict[str, Any]) -> None:
    """Add the public pages of `app` to `web`; `shared` is what each of their templates knows."""
    known = {"Subscribed": SubscriptionStatus.SUBSCRIBED, "rejoin_words": REJOIN_WORDS}
    public = _PublicPages(app, shared | known)
    shown: dict[str, Callable[..., Response]] = {
        "/": public.home,
        "/healthz": public.health,
        # Before the paths that they would match.
        **dict.fromkeys(_OF_A_TEST, public.test_mail),
        "/view/{track}": public.view,
        "/leave/{token}": public.leave_page,
        "/preferences/{token}": public.preferences,
    }
    for path, endpoint in shown.items():
        web.add_api_route(path, endpoint, methods=READ, response_model=None)
    for path in _OF_A_TEST:
        web.add_api_route(path, public.test_mail, methods=["POST"], response_model=None)
    web.add_api_route("/leave/{token}", public.leave, methods=["POST"], response_model=None)
    web.add_api_route("/preferences/{token}", public.change, methods=["POST"], response_model=None)
