"""The evidence of consent: what happened to a subscription, step by step. Rows are added and never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.store.audience_tables import consent, wording
from newsletter.store.statuses import ConsentStep, ConsentWay
from newsletter.store.tables import Instant, subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What happened at an instant (`at`, aware), and how it came to us.

    `source` is where it was said, such as a page or a file's name and hash; `text` the words that the person agreed to;
    `network` where it came from, as `networks.network_of` says; `language` that of the words.
    """

    at: datetime
    what: ConsentStep
    how: ConsentWay
    source: str = ""
    text: str = ""
    network: str = ""
    language: str | None = None


def note(connection: Connection, where: ColumnElement[bool], step: Step) -> None:
    """Add the step to the evidence of the subscriptions that `where` names, in the caller's transaction."""
    worded = wording_of(connection, text=step.text, source=step.source) if step.text or step.source else None
    values = select(
        subscription.c.id,
        literal(step.at, Instant),
        literal(step.what.value),
        literal(step.how.value),
        literal(step.network),
        literal(worded, consent.c.wording_id.type),
        literal(step.language, consent.c.language.type),
    ).where(where)
    columns = ["subscription_id", "at", "what", "how", "network", "wording_id", "language"]
    connection.execute(insert(consent).from_select(columns, values.order_by(subscription.c.id)))


def of_pair(subscriber_id: int, list_id: int) -> ColumnElement[bool]:
    """The subscription of this person to this list."""
    return and_(subscription.c.subscriber_id == subscriber_id, subscription.c.list_id == list_id)


def wording_of(connection: Connection, *, text: str, source: str) -> int:
    """The number of these words and of where they are recorded, which are kept once."""
    source = source[:300]
    digest = hashlib.sha256(f"{text}\0{source}".encode()).hexdigest()
    known = select(wording.c.id).where(wording.c.digest == digest)
    number: int | None = connection.execute(known).scalar()
    if number is None:
        # The two databases agree on the statement, and SQLAlchemy has it for each of them alone.
        adding = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {"digest": digest, "text": text, "source": source}
        connection.execute(adding(wording).values(row).on_conflict_do_nothing())
        number = connection.execute(known).scalar_one()
    return number


def steps_of(connection: Connection, subscription_ids: Collection[int]) -> Mapping[int, list[Step]]:
    """The steps of each of these subscriptions, the oldest first."""
    found: dict[int, list[Step]] = {number: [] for number in subscription_ids}
    statement = (
        select(consent, wording.c.text, wording.c.source)
        .outerjoin(wording, wording.c.id == consent.c.wording_id)
        .where(consent.c.subscription_id.in_(found))
        .order_by(consent.c.id)
    )
    for row in connection.execute(statement):
        step = Step(
            at=row.at,
            what=ConsentStep(row.what),
            how=ConsentWay(row.how),
            source=row.source or "",
            text=row.text or "",
            network=row.network,
            language=row.language,
        )
        found[row.subscription_id].append(step)
    return found
