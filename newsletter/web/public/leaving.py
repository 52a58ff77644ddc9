"""Unsubscribing: one click for mailbox providers (RFC 8058), a page with a button for people, and a way back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from starlette.exceptions import HTTPException

from newsletter.audience import leaving
from newsletter.errors import BlockedError
from newsletter.rehearsal.preview import ONE_CLICK
from newsletter.store.statuses import ConsentWay
from newsletter.web.pages import READ
from newsletter.web.public.own_pages import owner_of, pause_of, tongue_for, values_of
from newsletter.web.public.site import Site
from newsletter.web.translating import marked

_FIELD, _, _VALUE = ONE_CLICK.partition("=")
LEAVE = "leave"
REASONS = {
    "often": marked("It comes too often"),
    "content": marked("It is not what I want to read"),
    "unasked": marked("I never asked for it"),
    "other": marked("Something else"),
}
"""What a reader may say; only the key is kept."""
STOPPED = marked("Mail to this address is stopped for good, so it cannot be subscribed again.")
_TOO_LATE = marked("Too much time has passed to undo it. You can subscribe again on your preferences page.")


class _Leaving:
    def __init__(self, site: Site) -> None:
        self._site = site

    def page(self, request: Request, token: str) -> Response:
        """Asks, or says that it is done already. Changes nothing: scanners follow links."""
        return self._page(request, token, {})

    def leave(
        self,
        request: Request,
        token: str,
        one_click: Annotated[str, Form(alias=_FIELD, max_length=20)] = "",
        action: Annotated[str, Form(max_length=20)] = "",
    ) -> Response:
        """Unsubscribes at once, for button and mailbox provider alike: no cookie, no redirect, as often as it is asked."""
        if one_click != _VALUE and action != LEAVE:
            raise HTTPException(400)
        known, standing = owner_of(self._site, token)
        leaving.leave(
            self._site.patient,
            known.id,
            standing.list_id,
            at=self._site.now(),
            how=ConsentWay.ONE_CLICK if one_click == _VALUE else ConsentWay.LINK,
            network=self._site.network(request),
        )
        return self._page(request, token, {"asked": True})

    def undo(self, request: Request, token: str) -> Response:
        """Takes it back."""
        site = self._site
        known, standing = owner_of(site, token)
        try:
            leaving.undo(
                site.store,
                known.id,
                standing.list_id,
                at=site.now(),
                how=ConsentWay.LINK,
                network=site.network(request),
                fingerprint=site.keys.fingerprint,
            )
        except BlockedError:
            why = STOPPED if standing.may_undo(site.now()) else _TOO_LATE
            return self._page(request, token, {"refusal": tongue_for(site, request, known).say(why)}, status=409)
        return self._page(request, token, {"undone": True})

    def reason(self, request: Request, token: str, reason: Annotated[str, Form(max_length=20)] = "") -> Response:
        """Keeps why somebody has left, who wants to say so."""
        if reason not in REASONS:
            raise HTTPException(400)
        known, standing = owner_of(self._site, token)
        leaving.give_reason(self._site.store, known.id, standing.list_id, reason)
        return self._page(request, token, {"asked": True, "thanked": True})

    def _page(self, request: Request, token: str, values: dict[str, Any], *, status: int = 200) -> Response:
        site = self._site
        known, standing = owner_of(site, token)
        tongue = tongue_for(site, request, known)
        shown = {
            **values_of(known, token),
            "standing": standing,
            "paused_until": pause_of(site, request, known, standing),
            "reasons": [(value, tongue.say(words)) for value, words in REASONS.items()],
            "asked": False,
            "thanked": False,
            "undone": False,
        }
        return site.page(request, "leave", shown | values, tongue=tongue, status=status)


def add_leaving(web: FastAPI, site: Site) -> None:
    """Add the pages to `web`."""
    pages = _Leaving(site)
    web.add_api_route("/leave/{token}", pages.page, methods=READ, response_model=None)
    web.add_api_route("/leave/{token}", pages.leave, methods=["POST"], response_model=None)
    web.add_api_route("/leave/{token}/reason", pages.reason, methods=["POST"], response_model=None)
    web.add_api_route("/leave/{token}/undo", pages.undo, methods=["POST"], response_model=None)
