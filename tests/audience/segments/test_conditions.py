"""A filter's condition in the database agrees with what the filter's description says of each reader."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from newsletter.audience import labelling
from newsletter.audience.segments import matches, parse
from newsletter.audience.segments.filters import And, Filter, Not, Or, Sign, Term, both, either
from newsletter.audience.segments.values import clean
from newsletter.store import Store
from newsletter.store.audience_tables import attribute, subscriber_tag, tag
from newsletter.store.tables import mailing_list, subscriber, subscription

TAGS = ["donor", "press", "new york", "straße", "a:b", 'said "no"', "日本"]
VALUES = ["US", "us", "New Zealand", "Côte d’Ivoire", "*", "and", "50%", "a_b", "\\", "0"]
ZONES = ["Europe/Berlin", "America/New_York"]
DAYS = ["2025-12-31", "2026-01-01", "2026-01-02"]
LANGUAGES = ["de", "de-AT", "en", "pt-BR", "den"]


@dataclass
class Person:
    """What is known of somebody. Instants are in UTC."""

    tags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)
    language: str | None = None
    zone: str | None = None
    hour: str | None = None
    domain: str = "example.org"
    joined: datetime = datetime(2026, 1, 1, tzinfo=UTC)


people = st.builds(
    Person,
    tags=st.sets(st.sampled_from(TAGS), max_size=3),
    values=st.dictionaries(st.sampled_from(["country", "plan"]), st.sampled_from(VALUES)),
    lists=st.sets(st.sampled_from(["weekly"])),
    language=st.none() | st.sampled_from(LANGUAGES),
    zone=st.none() | st.sampled_from(ZONES),
    hour=st.none() | st.sampled_from(["07:00", "21:30"]),
    domain=st.sampled_from(["example.org", "xn--bcher-kva.example"]),
    joined=st.sampled_from(
        [
            datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 1, 1, tzinfo=UTC),
            datetime(2026, 1, 1, 23, 59, tzinfo=UTC),
            datetime(2026, 1, 2, tzinfo=UTC),
        ]
    ),
)


def _any_of(name: str, values: list[str]) -> st.SearchStrategy[Filter]:
    kept_as = [clean(name, value) for value in values]
    return st.builds(Term, field=st.just(name), value=st.none() | st.sampled_from(kept_as))


_terms: st.SearchStrategy[Filter] = st.one_of(
    _any_of("tag", TAGS),
    _any_of("country", VALUES),
    _any_of("plan", VALUES),
    _any_of("list", ["weekly", "nowhere"]),
    _any_of("language", ["de", "de-AT", "en"]),
    _any_of("zone", ZONES),
    _any_of("hour", ["07:00", "21:30"]),
    _any_of("domain", ["example.org", "xn--bcher-kva.example"]),
    st.builds(Term, field=st.just("joined"), sign=st.sampled_from(Sign), value=st.sampled_from(DAYS)),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    _terms,
    lambda inner: st.one_of(
        st.builds(lambda part: Not(part=part), inner),
        st.builds(both, st.lists(inner, min_size=2, max_size=3)),
        st.builds(either, st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)


def says_yes(wanted: Filter, person: Person) -> bool:
    """What the filter says of the person."""
    if isinstance(wanted, Not):
        return not says_yes(wanted.part, person)
    if isinstance(wanted, And):
        return all(says_yes(part, person) for part in wanted.parts)
    if isinstance(wanted, Or):
        return any(says_yes(part, person) for part in wanted.parts)
    return _answers(wanted, person)


def _answers(term: Term, person: Person) -> bool:
    if term.field == "joined":
        return term.value is None or _is_by(term.sign, person.joined.date(), date.fromisoformat(term.value))
    held: Any = {
        "tag": person.tags,
        "list": {"daily", *person.lists},
        "language": {person.language} - {None},
        "zone": {person.zone} - {None},
        "hour": {person.hour} - {None},
        "domain": {person.domain},
    }.get(term.field, {person.values[term.field]} if term.field in person.values else set())
    if term.value is None:
        return bool(held)
    if term.field == "language":
        return any(f"{each}-".lower().startswith(f"{term.value}-".lower()) for each in held)
    return term.value.casefold() in {each.casefold() for each in held}


def _is_by(sign: Sign, day: date, other: date) -> bool:
    return {
        Sign.IS: day == other,
        Sign.BEFORE: day < other,
        Sign.UP_TO: day <= other,
        Sign.AFTER: day > other,
        Sign.FROM: day >= other,
    }[sign]


# --- The same in the database ------------------------------------------------------------------------------------


def kept(connection: Connection, crowd: Sequence[Person]) -> None:
    """The crowd as subscribers 1, 2, … of the list `daily`, and nobody else."""
    for table in (subscriber_tag, tag, attribute, subscription, subscriber):
        connection.execute(delete(table))
    names = connection.execute(select(mailing_list.c.name, mailing_list.c.id))
    numbers = {row.name: row.id for row in names}
    for number, person in enumerate(crowd, 1):
        key = f"reader{number}@{person.domain}"
        row = {"address": key, "address_key": key, "domain": person.domain, "created_at": person.joined}
        clock = {"language": person.language, "zone": person.zone, "hour": person.hour}
        connection.execute(insert(subscriber).values(id=number, **row, **clock))
        for name in {"daily", *person.lists}:
            standing = {"list_id": numbers[name], "status": "subscribed", "consent_text": "", "consent_source": ""}
            at = {"consent_at": person.joined, "changed_at": person.joined}
            connection.execute(insert(subscription).values(subscriber_id=number, **standing, **at))
        labelling.put_on(connection, number, person.tags)
        labelling.set_values(connection, number, person.values)


def found(connection: Connection, where: ColumnElement[bool]) -> list[int]:
    daily = select(mailing_list.c.id).where(mailing_list.c.name == "daily").scalar_subquery()
    statement = select(subscriber.c.id).join(subscription).where(subscription.c.list_id == daily, where)
    return list(connection.execute(statement.order_by(subscriber.c.id)).scalars())


_SLOW = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@settings(max_examples=60, deadline=None, suppress_health_check=_SLOW)
@given(st.lists(people, max_size=8), st.lists(filters, min_size=1, max_size=8))
def test_the_database_says_of_everybody_what_the_description_says(
    db: Store, crowd: list[Person], asked: list[Filter]
) -> None:
    with db.writing() as connection:
        kept(connection, crowd)
        for wanted in asked:
            meant = [number for number, person in enumerate(crowd, 1) if says_yes(wanted, person)]
            assert found(connection, matches(wanted)) == meant, wanted
            assert found(connection, matches(parse(str(wanted)))) == meant, wanted


@pytest.mark.parametrize(
    "value", ["' OR '1'='1", "x'); DROP TABLE subscriber; --", "%", "_", "\\", "\u202e", "*", ":name", "%(x)s", "?"]
)
def test_a_hostile_value_is_only_ever_compared(db: Store, value: str) -> None:
    with db.writing() as connection:
        kept(connection, [Person(values={"country": "US"}, tags={"donor"}), Person()])
        for field_of in ("tag", "country", "list"):
            assert found(connection, matches(Term(field=field_of, value=value))) == []
            assert found(connection, matches(Not(part=Term(field=field_of, value=value)))) == [1, 2]


def test_the_largest_filter_that_can_be_read_is_answered(db: Store) -> None:
    deep = "not (tag:a or " * 9 + "tag:donor" + ")" * 9
    wide = " or ".join([f"country:C{number}" for number in range(99)])
    with db.writing() as connection:
        kept(connection, [Person(tags={"donor"}), Person(values={"country": "C98"})])
        assert found(connection, matches(parse(deep))) == [2]
        assert found(connection, matches(parse(f"{wide} or tag:donor"))) == [1, 2]
