"""How often mail may be asked for: counted exactly, over connections, and in a table that stays small."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import event, select

from newsletter.audience import joining, rates, subscribers, suppressions
from newsletter.audience.addresses import parse
from newsletter.settings import JoiningSettings
from newsletter.store import Store
from newsletter.store.audience_tables import rate
from newsletter.store.statuses import SuppressionReason
from newsletter.tokens import TokenKeys

NOW = datetime(2026, 11, 23, 9, 59, 30, tzinfo=UTC)
KEYS = TokenKeys({0: b"a key for the tests only"})


def _take(db: Store, limits: JoiningSettings, *, network: str = "192.0.2.0/24", key: str = "a", now: datetime = NOW):  # type: ignore[no-untyped-def]
    given = {"network": network, "address_key": key, "now": now}
    return db.write(lambda connection: rates.take(connection, KEYS, limits, **given))


def test_those_who_ask_at_once_are_all_counted(db: Store) -> None:
    limits = JoiningSettings(per_address_a_day=10)
    within = []

    def ask() -> None:
        within.extend(_take(db, limits).address for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(within), sum(within)) == (30, 10)


def test_who_is_told_to_wait_is_told_until_when(db: Store) -> None:
    limits = JoiningSettings(per_network_an_hour=1)
    assert _take(db, limits).retry_after == 0
    told = _take(db, limits)
    assert told.retry_after == 31
    assert _take(db, limits, now=NOW + timedelta(seconds=told.retry_after)).retry_after == 0


def test_a_flood_from_everywhere_leaves_few_rows(db: Store) -> None:
    limits = JoiningSettings(all_an_hour=3)
    for number in range(200):
        _take(db, limits, network=f"10.0.{number}.0/24", key=f"{number}@reader.example")
    with db.reading() as connection:
        counted = Counter(key.partition(":")[0] for key in connection.execute(select(rate.c.key)).scalars())
    assert counted["address"] == 3
    assert counted["everyone"] == 1
    assert counted["network"] <= 200
    assert len({KEYS.rate_key("network", f"n{number}")[:4] for number in range(100_000)}) <= 65_536


def test_a_page_asks_the_database_the_same_whoever_it_is(db: Store) -> None:
    subscribers.add(db, "known@reader.example", list_name="daily", consent="said so", clock=lambda: NOW)
    suppressions.add(db, parse("spam@reader.example"), SuppressionReason.COMPLAINT, clock=lambda: NOW)
    suppressions.add(db, parse("gone@reader.example"), SuppressionReason.BOUNCE, clock=lambda: NOW)
    said: list[str] = []

    def heard(*call: object) -> None:
        said.append(str(call[2]))

    def asked(name: str) -> list[str]:
        said.clear()
        given = {"language": "en", "source": "/join", "network": "192.0.2.0/24", "text": "Yes"}
        joining.request(db, KEYS, "daily", f"{name}@reader.example", limits=JoiningSettings(), now=NOW, **given)  # type: ignore[arg-type]
        return list(said)

    event.listen(db.engine, "before_cursor_execute", heard)
    try:
        told = [asked(name) for name in ("known", "spam", "gone", "nobody")]
    finally:
        event.remove(db.engine, "before_cursor_execute", heard)
    assert told[0] == told[1] == told[2] == told[3]
    assert len([one for one in told[0] if "INSERT" in one]) == 4
