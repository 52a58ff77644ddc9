"""Test sends: an edition, as it is, to a few addresses of the newsroom's own. Ordered here, carried by `delivery.notices`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert

from newsletter.audience import suppressions
from newsletter.audience.addresses import Address, mask, parse
from newsletter.audience.suppressions import Fingerprint
from newsletter.errors import BlockedError, InputError
from newsletter.publishing.editions import freeze
from newsletter.publishing.user import Act, User
from newsletter.rendering import Edition
from newsletter.store import Store, audit, tables
from newsletter.store.statuses import DeliveryStatus, NoticeKind

MARK = "[Test]"
MOST_ADDRESSES = 20
"""A test is for the newsroom's own eyes: more is a mailing, which needs a list and consent."""


def order(
    store: Store,
    edition: Edition,
    *,
    issue: str,
    addresses: Sequence[str],
    user: User,
    fingerprint: Fingerprint,
    now: datetime,
) -> list[int]:
    """Write a notice for each address, all or none, and freeze the edition; their numbers, in order.

    Raises:
        InputError: an address is none, or they are too many.
        BlockedError: an address gets no mail from us, or the user's role may not.
    """
    user.require(Act.TEST)
    wanted = _parsed(addresses)
    with store.writing(alone=True) as connection:
        against = suppressions.suppressed(connection, [one.key for one in wanted], fingerprint=fingerprint)
        for one in wanted:
            if reason := against.get(one.key):
                raise BlockedError(
                    f"{mask(one.text)} gets no mail from this newsroom: {reason.value}", remedy="Name another address"
                )
        digest = freeze(connection, edition, issue=issue, now=now)
        common = {
            "kind": NoticeKind.TEST,
            "issue": issue,
            "edition_digest": digest,
            "user_id": user.id,
            "status": DeliveryStatus.PENDING,
            "created_at": now,
            "changed_at": now,
        }
        made = [
            connection.execute(
                insert(tables.notice)
                .values(common | {"address": one.text, "address_key": one.key})
                .returning(tables.notice.c.id)
            ).scalar_one()
            for one in wanted
        ]
        detail = {"issue": issue, "edition": digest, "notices": made}
        audit.note(connection, "test.order", f"user:{user.id}", detail, actor=user.name, at=now)
        return made


def marked(edition: Edition) -> Edition:
    """The edition with its subject marked as a test's. Nothing else differs."""
    return replace(edition, subject=f"{MARK} {edition.subject}")


def _parsed(addresses: Sequence[str]) -> list[Address]:
    found: dict[str, Address] = {}
    for given in addresses:
        try:
            address = parse(given)
        except InputError as error:
            raise InputError(error.what, where="--to", remedy="Correct the address") from None
        found.setdefault(address.key, address)
    if not 1 <= len(found) <= MOST_ADDRESSES:
        raise InputError(f"a test goes to 1 to {MOST_ADDRESSES} addresses", where="--to", remedy="Name fewer")
    return list(found.values())
