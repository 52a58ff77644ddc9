"""A reader's own page: lists, pauses, where and when, and the way to a fresh link for what weighs more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from newsletter.audience import asking, joining, leaving, preferences
from newsletter.audience.leaving import Reader, Standing
from newsletter.audience.rates import LimitError
from newsletter.errors import BlockedError
from newsletter.store.statuses import ConsentWay
from newsletter.web.pages import READ, Links
from newsletter.web.public.joining import LIST_WORDS
from newsletter.web.public.leaving import STOPPED
from newsletter.web.public.own_pages import owner_of, pause_of, tongue_for, values_of
from newsletter.web.public.site import Site, too_many
from newsletter.web.public.zones import HOURS, Zones, zones_by_area
from newsletter.web.translating import Tongue, catalogue, languages, marked

REJOIN_WORDS = marked("Subscribe again")
"""What the button says; it is kept as the words of the consent."""
_SOURCE = "preferences page"
LIST_DECIDES = "list"
"""What a form says for "as the list does it": an empty field is one that was not asked for."""
_LANGUAGE_NAME = marked("English")
"""Each catalogue translates this by its own language's name."""
_SAID = {
    "left": marked("Saved. You have left “%(list)s”."),
    "rejoined": marked("Saved. You get “%(list)s”."),
    "paused": marked("Saved. “%(list)s” pauses, and comes again by itself."),
    "resumed": marked("Saved. “%(list)s” comes again from the next issue on."),
    "chosen": marked("Saved."),
    "asked": marked("A message is on its way to your address, with a link to confirm."),
    "mailed": marked("A link is on its way to your address. It is good for a day."),
}


class Wish(BaseModel):
    """What a form of the page asks for. None: the form did not ask for it, and what holds goes on."""

    action: str = Field(max_length=20)
    chosen: str = Field(alias="list", default="", max_length=100)
    weeks: str = Field(default="", max_length=3)
    zone: str | None = Field(default=None, max_length=64)
    hour: str | None = Field(default=None, max_length=5)
    language: str | None = Field(default=None, max_length=35)


class _Preferences:
    def __init__(self, site: Site) -> None:
        self._site = site

    def page(self, request: Request, token: str, done: str = "", chosen: str = "") -> Response:
        """What holds now. Changes nothing."""
        known, _ = owner_of(self._site, token)
        standing = _named(known, chosen)
        said = _SAID.get(done) if standing is not None or done in {"asked", "chosen", "mailed"} else None
        values = {"list": standing.title} if standing else {}
        tongue = tongue_for(self._site, request, known)
        return self._page(request, known, token, {"said": tongue.say(said, **values) if said else ""})

    def change(self, request: Request, token: str, wish: Annotated[Wish, Form()]) -> Response:
        """Change one thing; then the page again."""
        known, _ = owner_of(self._site, token)
        if wish.action == "choose":
            return self._choose(request, known, token, wish)
        if wish.action == "link":
            return self._mail_link(request, known, token)
        if wish.action == "join":
            return self._join(request, known, token, wish)
        standing = _named(known, wish.chosen)
        steps = {"leave": self._leave, "rejoin": self._rejoin, "pause": self._pause, "resume": self._resume}
        if standing is None or wish.action not in steps:
            raise HTTPException(400)
        if wish.action == "pause" and wish.weeks not in map(str, preferences.WEEKS):
            raise HTTPException(400)
        try:
            done = steps[wish.action](request, known, standing, wish)
        except BlockedError:
            refusal = tongue_for(self._site, request, known).say(STOPPED)
            return self._page(request, known, token, {"refusal": refusal}, status=409)
        return self._back(request, token, done, wish.chosen)

    def _leave(self, request: Request, known: Reader, standing: Standing, wish: Wish) -> str:
        del wish
        site = self._site
        leaving.leave(
            site.store, known.id, standing.list_id, at=site.now(), how=ConsentWay.PAGE, network=site.network(request)
        )
        return "left"

    def _rejoin(self, request: Request, known: Reader, standing: Standing, wish: Wish) -> str:
        del wish
        site = self._site
        leaving.rejoin(
            site.store,
            known.id,
            standing.list_id,
            at=site.now(),
            how=ConsentWay.PAGE,
            words=tongue_for(site, request, known).say(REJOIN_WORDS),
            network=site.network(request),
            fingerprint=site.keys.fingerprint,
        )
        return "rejoined"

    def _pause(self, request: Request, known: Reader, standing: Standing, wish: Wish) -> str:
        site = self._site
        preferences.pause(
            site.store,
            known.id,
            standing.list_id,
            weeks=int(wish.weeks),
            at=site.now(),
            how=ConsentWay.PAGE,
            zone=known.zone or site.app.settings.newsroom.zone,
            network=site.network(request),
        )
        return "paused"

    def _resume(self, request: Request, known: Reader, standing: Standing, wish: Wish) -> str:
        del wish
        site = self._site
        preferences.resume(
            site.store, known.id, standing.list_id, at=site.now(), how=ConsentWay.PAGE, network=site.network(request)
        )
        return "resumed"

    def _choose(self, request: Request, known: Reader, token: str, wish: Wish) -> Response:
        """Zone and hour are left as they are where the page did not ask for them."""
        tongue = tongue_for(self._site, request, known)
        chosen = {
            "zone": _one_of(wish.zone, known.zone, {name for _, zones in zones_by_area(tongue) for name, _ in zones}),
            "hour": _one_of(wish.hour, known.hour, HOURS),
            "language": _one_of(_wanted_language(wish, known, tongue), known.language, languages()),
        }
        preferences.choose(self._site.store, known.id, **chosen, at=self._site.now())
        return self._back(request, token, "chosen")

    def _join(self, request: Request, known: Reader, token: str, wish: Wish) -> Response:
        """A list more is asked for as on the home page: by a mail to the owner of the address, who may have forwarded this."""
        site = self._site
        wanted = site.lists.get(wish.chosen)
        if wanted is None:
            raise HTTPException(400)
        tongue = tongue_for(site, request, known)
        try:
            joining.request(
                site.store,
                site.keys,
                wish.chosen,
                joining.address_of(site.store, known.id),
                language=tongue.tag,
                source=_SOURCE,
                network=site.network(request),
                text=tongue.say(LIST_WORDS, list=wanted.title),
                limits=site.app.settings.joining,
                now=site.now(),
                how=ConsentWay.PAGE,
            )
        except LimitError as error:
            raise too_many(error) from error
        return self._back(request, token, "asked")

    def _mail_link(self, request: Request, known: Reader, token: str) -> Response:
        site = self._site
        try:
            asking.send_link(
                site.store,
                site.keys,
                known.id,
                language=tongue_for(site, request, known).tag,
                network=site.network(request),
                limits=site.app.settings.joining,
                now=site.now(),
            )
        except LimitError as error:
            raise too_many(error) from error
        return self._back(request, token, "mailed")

    def _back(self, request: Request, token: str, done: str, chosen: str = "") -> Response:
        asked = {"done": done} | ({"chosen": chosen} if chosen else {})
        path = Links(request.scope)(f"/preferences/{token}?{urlencode(asked)}")
        return RedirectResponse(path, status_code=303)

    def _page(
        self, request: Request, known: Reader, token: str, values: dict[str, Any], *, status: int = 200
    ) -> Response:
        tongue = tongue_for(self._site, request, known)
        shown = {
            **values_of(known, token),
            "pauses_until": {one.list_id: pause_of(self._site, request, known, one) for one in known.standings},
            "by_hour": any(self._by_hour(one) for one in known.standings),
            "zones_by_area": _zones(tongue, known.zone),
            "hours": sorted({*HOURS, *([known.hour] if known.hour else [])}),
            "languages": [(code, catalogue(code).gettext(_LANGUAGE_NAME)) for code in languages()],
            "list_decides": LIST_DECIDES,
            "rejoin_words": tongue.say(REJOIN_WORDS),
            "others": [
                (name, tongue.say(LIST_WORDS, list=one.title))
                for name, one in self._site.lists.items()
                if _named(known, name) is None
            ],
        }
        return self._site.page(request, "preferences", shown | values, tongue=tongue, status=status)

    def _by_hour(self, standing: Standing) -> bool:
        """Whether the reader's own clock matters to a list."""
        configured = self._site.app.settings.lists.get(standing.list_name)
        return configured is not None and configured.local


def _named(known: Reader, name: str) -> Standing | None:
    return next((standing for standing in known.standings if standing.list_name == name), None)


def _wanted_language(wish: Wish, known: Reader, tongue: Tongue) -> str | None:
    """None where the form only says what the page was in: of one whose own is `de-AT`, or none of ours, that is no wish."""
    return None if known.language and wish.language == tongue.language else wish.language or None


def _one_of(chosen: str | None, own: str | None, known: Collection[str]) -> str:
    """What was chosen, or what holds already where nothing was asked; "" is what the list does by itself.

    Raises:
        HTTPException: 400, it is not among those that the page offers.
    """
    if chosen is None or chosen == own:
        return own or ""
    if chosen == LIST_DECIDES:
        return ""
    if chosen not in known:
        raise HTTPException(400)
    return chosen


def _zones(tongue: Tongue, own: str | None) -> Zones:
    """Those to choose from; a reader's own is among them whatever it is called."""
    known = zones_by_area(tongue)
    if own is None or any(own == zone for _, zones in known for zone, _ in zones):
        return known
    return ((own.partition("/")[0], ((own, tongue.place(own)),)), *known)


def add_preferences(web: FastAPI, site: Site) -> None:
    """Add the page to `web`."""
    pages = _Preferences(site)
    web.add_api_route("/preferences/{token}", pages.page, methods=READ, response_model=None)
    web.add_api_route("/preferences/{token}", pages.change, methods=["POST"], response_model=None)
