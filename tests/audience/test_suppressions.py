import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import insert

from newsletter.audience import ImportResult, addresses, suppressions
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.statuses import SuppressionReason
from newsletter.store.tables import suppression

Clock = Callable[[], datetime]
ANN = addresses.parse("ann@example.org")


def fingerprint(key: str) -> str:
    return hashlib.blake2b(key.encode(), key=b"of the newsroom", digest_size=32).hexdigest()


@pytest.fixture
def erased(db: Store, clock: Clock) -> Store:
    with db.writing() as connection:
        row = {"address_hash": fingerprint(ANN.key), "reason": "erased", "at": clock()}
        connection.execute(insert(suppression).values(row))
    return db


def test_a_reason_is_kept_once_and_the_gravest_is_told(db: Store, clock: Clock) -> None:
    assert suppressions.is_suppressed(db, ANN) is None
    assert suppressions.add(db, ANN, SuppressionReason.COMPLAINT, clock=clock, evidence="abuse report")
    assert not suppressions.add(db, ANN, SuppressionReason.COMPLAINT, clock=clock)
    assert suppressions.add(db, ANN, SuppressionReason.BOUNCE, clock=clock)
    assert suppressions.is_suppressed(db, addresses.parse("ANN@example.org")) is SuppressionReason.COMPLAINT


def test_erased_people_are_known_by_their_hash(erased: Store, take: Callable[..., ImportResult]) -> None:
    assert suppressions.is_suppressed(erased, ANN, fingerprint=fingerprint) is SuppressionReason.ERASED
    result = take("Ann@example.org\nbob@example.org\n", fingerprint=fingerprint)
    assert (result.added, result.suppressed) == (1, {SuppressionReason.ERASED: 1})


def test_without_the_key_nobody_is_imported_where_people_were_erased(
    erased: Store, take: Callable[..., ImportResult]
) -> None:
    with pytest.raises(InputError, match="erased people cannot be told from new ones"):
        take("bob@example.org\n")
    assert suppressions.is_suppressed(erased, addresses.parse("bob@example.org"), fingerprint=fingerprint) is None
