from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.clock import system_clock
from newsletter.delivery import Copies, SmtpSender, Worker
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.ledger import Claimed
from newsletter.delivery.return_path import LONGEST, Returned, check, read, return_path
from newsletter.errors import InputError
from newsletter.settings import SenderSettings
from newsletter.store.statuses import DeliveryStatus
from newsletter.tokens import TokenKeys

MONDAY = date(2026, 11, 23)

OLD, NEW, OTHER = b"an old key of the newsroom", b"the present key of the newsroom", b"a key of somebody else"
KEYS = TokenKeys({0: OLD, 1: NEW})
ADDRESS = "bounces@news.example"


def path(delivery: int, attempt: int, *, address: str = ADDRESS, keys: TokenKeys = KEYS) -> str:
    return return_path(address, delivery, attempt, keys)


deliveries = st.integers(min_value=1, max_value=10**19 - 1)
attempts = st.integers(min_value=1, max_value=10**9 - 1)
addresses = st.builds(path, deliveries, attempts)


@given(deliveries, attempts)
def test_what_goes_in_comes_out(delivery, attempt):
    assert read(path(delivery, attempt), KEYS) == Returned(delivery=delivery, attempt=attempt)


@given(addresses, st.sampled_from([str.lower, str.upper, str.title, str.swapcase]))
def test_servers_may_change_the_case(address, change):
    assert read(change(address), KEYS) == read(address, KEYS)


@given(addresses)
def test_the_local_part_is_short_enough_and_needs_no_quoting(address):
    local, _, domain = address.rpartition("@")
    assert len(local) <= 64
    assert set(local) <= set("abcdefghijklmnopqrstuvwxyz0123456789+-")
    assert domain == "news.example"


def test_it_reads_well():
    assert path(4711, 2).startswith("bounces+4711-2-")


@given(addresses, st.integers(min_value=0), st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789+-"))
def test_a_changed_tag_is_refused_wherever_it_was_changed(address, at, character):
    first, last = address.index("+"), address.index("@")
    place = first + 1 + at % (last - first - 1)
    changed = address[:place] + character + address[place + 1 :]
    if changed != address:
        assert read(changed, KEYS) is None


@given(deliveries, attempts)
def test_one_attempt_does_not_pass_for_another(delivery, attempt):
    mac = path(delivery, attempt).rpartition("-")[2]
    assert read(f"bounces+{delivery}-{attempt + 1}-{mac}", KEYS) is None
    assert read(f"bounces+{delivery + 1}-{attempt}-{mac}", KEYS) is None
    assert read(f"bounces+0{delivery}-{attempt}-{mac}", KEYS) is None


def test_former_keys_and_former_addresses_still_count():
    former = path(7, 1, address="returned@old.example", keys=TokenKeys({0: OLD}))
    assert read(former, KEYS) == Returned(delivery=7, attempt=1)


def test_the_keys_of_others_do_not():
    assert read(path(7, 1, keys=TokenKeys({0: OTHER})), KEYS) is None


@given(st.text(max_size=400))
def test_any_text_at_all_is_none_of_ours(text):
    assert read(text, KEYS) is None
    assert read(f"bounces+{text}@news.example", KEYS) is None
    assert read(f"bounces+1-1-{text}@news.example", KEYS) is None


@pytest.mark.parametrize(
    "address",
    [
        "bounces@news.example",
        "bounces+١-1-aaaaaaaaaaaaaaaa@news.example",
        "bounces+1-1-\u212aaaaaaaaaaaaaaaa@news.example",
        "bounces+99999999999999999999-1-aaaaaaaaaaaaaaaa@news.example",
        "bounces+1-1-aaaaaaaaaaaaaaaa@news.example\n",
        "x" * 10_000 + "+1-1-aaaaaaaaaaaaaaaa@news.example",
    ],
)
def test_what_only_looks_like_it_is_none_of_ours(address):
    assert read(address, KEYS) is None


def test_the_longest_address_fits_and_a_longer_one_is_refused_at_once():
    longest = "x" * LONGEST + "@news.example"
    check(longest)
    assert len(path(10**19 - 1, 10**9 - 1, address=longest).partition("@")[0]) == 64
    with pytest.raises(InputError, match=f"more than {LONGEST} characters"):
        check("x" + longest)


def test_each_attempt_has_a_return_path_of_its_own_and_the_message_id_stays(newsroom, server):
    newsroom.subscribe("ann", "busy-bob", "late-cyd")
    mailing = newsroom.released()
    settings = SenderSettings(port=server.port, connections=2, return_path=ADDRESS)
    copies = Copies.of(newsroom.edition, mailing, newsroom.keys)
    Worker(
        store=newsroom.store, mailing=mailing, copies=copies, sender=SmtpSender(settings=settings),
        clock=system_clock, backoff=Backoff(first=0.02, longest=0.05),
    ).run()  # fmt: skip
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}

    named = {}
    for address, path in server.return_paths:
        named.setdefault(address.partition("@")[0], []).append(read(path, newsroom.keys))
    assert [each.attempt for each in named["busy-bob"]] == [1, 2, 3]
    assert [each.attempt for each in named["late-cyd"]] == [1, 2]
    assert {len({each.delivery for each in paths}) for paths in named.values()} == {1}
    ids = {(one.delivery_id, one.fence) for one in newsroom.attempts()}
    assert ids == {(each.delivery, each.attempt) for paths in named.values() for each in paths}


def test_the_message_of_a_second_attempt_is_that_of_the_first(newsroom):
    """A receiver that gets it twice can tell by its Message-ID, and drop one."""
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    copies = Copies.of(newsroom.edition, mailing, newsroom.keys)
    again = Copies.of(newsroom.edition, mailing, newsroom.keys)
    claimed = Claimed(
        delivery_id=1, subscriber_id=1, fence=1, chunk_id=1, address="ann@readers.example", name="Ann",
        since=MONDAY, was=DeliveryStatus.PENDING,
    )  # fmt: skip
    first = copies.envelope(claimed, bounces=ADDRESS)
    second = again.envelope(replace(claimed, fence=2, chunk_id=9, was=DeliveryStatus.DEFERRED), bounces=ADDRESS)
    assert first.message == second.message
    assert b"\r\nMessage-ID: <" in first.message
    assert first.mail_from != second.mail_from


def test_without_one_bounces_go_to_the_from_address(newsroom, server):
    newsroom.subscribe("ann")
    newsroom.worker(newsroom.released(), server).run()
    assert server.return_paths == [("ann@readers.example", "news@ledger.example")]


def test_a_return_path_that_is_too_long_is_said_before_anything_is_sent():
    with pytest.raises(InputError, match="return_path has more than"):
        SmtpSender(settings=SenderSettings(return_path="b" * 30 + "@news.example"))
