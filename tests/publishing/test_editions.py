import pytest
from sqlalchemy import insert

from newsletter.errors import InputError
from newsletter.publishing import editions
from newsletter.store import tables


@pytest.fixture
def digests(room, ada):
    """Of two editions, the second one newer."""
    first = room.digest()
    room.test(ada)
    room.edit("floats", "floatz")
    room.test(ada)
    return first, room.digest()


def test_the_issues_editions_are_listed_the_newest_first(room, digests):
    assert [each.digest for each in editions.of_issue(room.app.store, room.slug)] == [digests[1], digests[0]]


@pytest.mark.parametrize("length", [6, 12, 64])
def test_a_digest_may_be_cut_short(room, digests, length):
    for digest in digests:
        given = f" {digest[:length].upper()} "
        assert editions.by_prefix(room.app.store, given, issue=room.slug, where="--against") == digest


@pytest.mark.parametrize("given", ["", "abc", "xyzxyzxyz", "%" * 6, "a" * 65])
def test_what_is_no_digest_is_refused(room, given):
    with pytest.raises(InputError, match="is no digest"):
        editions.by_prefix(room.app.store, given, issue=room.slug, where="--against")


def test_an_unknown_digest_names_those_that_there_are(room, digests):
    with pytest.raises(InputError, match="no edition ffffff was frozen") as caught:
        editions.by_prefix(room.app.store, "ffffff", issue=room.slug, where="--against")
    assert digests[0][:12] in caught.value.remedy


def test_an_ambiguous_digest_asks_for_more(room):
    with room.app.store.writing() as connection:
        for end in "ab":
            row = {"digest": "0" * 63 + end, "issue": "x", "subject": "x", "content": b"x"}
            connection.execute(insert(tables.edition).values(row | {"created_at": room.app.clock()}))
    with pytest.raises(InputError, match="several"):
        editions.by_prefix(room.app.store, "000000", issue=room.slug, where="--against")
