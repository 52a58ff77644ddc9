"""Whose pages a link leads to: the reader and the list that a leave token names."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from newsletter.audience.leaving import Reader, Standing, reader
from newsletter.audience.preferences import WEEKS
from newsletter.tokens import TokenError
from newsletter.web.public.site import Site, not_ours
from newsletter.web.translating import Tongue


def owner_of(site: Site, token: str) -> tuple[Reader, Standing]:
    """The reader and the standing that a leave token names.

    Raises:
        HTTPException: 404, it names none.
    """
    try:
        subscriber_id, list_id = site.keys.read_leave(token)
    except TokenError as error:
        raise not_ours(error) from error
    known = reader(site.store, subscriber_id)
    standing = known.standing(list_id) if known else None
    if known is None or standing is None:
        raise not_ours(TokenError.invalid())
    return known, standing


def pause_of(site: Site, request: Request, known: Reader, standing: Standing) -> str:
    """The last day of a pause, as the reader writes it; "" where there is none."""
    until = standing.paused_until
    if until is None or until <= site.now():
        return ""
    return site.tongue(request, known.language).short_day(site.local_day(until, known.zone))


def tongue_for(site: Site, request: Request, known: Reader) -> Tongue:
    """How to speak to this reader."""
    return site.tongue(request, known.language)


def values_of(known: Reader, token: str) -> dict[str, Any]:
    """What each of the reader's own pages is made with."""
    return {"reader": known, "token": token, "pauses": WEEKS, "refusal": "", "said": ""}
