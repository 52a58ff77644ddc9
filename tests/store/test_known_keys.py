"""The database knows the keys that its links are sealed with, and no other key is used without a word."""

from datetime import UTC, datetime

import pytest

from newsletter.errors import InputError
from newsletter.store import known_keys
from newsletter.tokens import TokenKeys

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32


def prints(*secrets: bytes) -> dict[int, str]:
    return TokenKeys(dict(enumerate(secrets))).fingerprints()


def known(database):
    with database.reading() as connection:
        return known_keys.known(connection)


def test_a_fingerprint_tells_keys_apart_and_nothing_of_the_key():
    assert prints(OLD) == prints(OLD)
    assert prints(OLD) != prints(NEW)
    assert all(len(each) == 32 and OLD.hex()[:8] not in each for each in prints(OLD).values())


def test_the_first_use_is_noted_once(database):
    for _ in range(3):
        known_keys.hold(database, prints(OLD), at=NOW)
    assert known(database) == prints(OLD)


def test_a_new_key_behind_the_old_one_is_noted(database):
    known_keys.hold(database, prints(OLD), at=NOW)
    known_keys.hold(database, prints(OLD, NEW), at=NOW)
    assert known(database) == prints(OLD, NEW)


@pytest.mark.parametrize("given", [prints(OTHER), prints(OLD), prints(NEW, OLD), prints(OLD, OTHER), {}])
def test_other_keys_and_fewer_are_refused(given, database):
    known_keys.hold(database, prints(OLD, NEW), at=NOW)
    with pytest.raises(InputError, match="from what the database knows"):
        known_keys.hold(database, given, at=NOW)
    assert known(database) == prints(OLD, NEW)


def test_a_person_may_adopt_another_key_where_the_old_one_is_lost(database):
    known_keys.hold(database, prints(OLD), at=NOW)
    with database.writing() as connection:
        assert known_keys.adopt(connection, prints(OTHER), actor="ada", at=NOW) == [0]
        assert known_keys.adopt(connection, prints(OTHER), actor="ada", at=NOW) == []
    known_keys.hold(database, prints(OTHER), at=NOW)
    with pytest.raises(InputError):
        known_keys.hold(database, prints(OLD), at=NOW)
