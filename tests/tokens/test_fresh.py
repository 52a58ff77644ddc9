from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from newsletter.tokens import FRESH_LENGTH, ExpiredTokenError, Purpose, TokenError, TokenKeys

OLD, PRESENT = b"an old key of the newsroom", b"the present key of the newsroom"
KEYS = TokenKeys({0: OLD, 1: PRESENT})
NOW = datetime(2026, 11, 23, 21, 30, 15, tzinfo=UTC)
UNTIL = NOW + timedelta(days=1)
ADA = "ada@reader.example"
subscribers = st.integers(min_value=1, max_value=2**48 - 1)
others = st.integers(min_value=1, max_value=2**40 - 1)
seconds = st.integers(min_value=0, max_value=2**32 - 1)
purposes = st.sampled_from(Purpose)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@given(purposes, subscribers, others, seconds)
def test_what_goes_in_comes_out(purpose, subscriber, other, second):
    token = KEYS.fresh(purpose, subscriber, other, address_key=ADA, until=at(second))
    read = KEYS.read_fresh(purpose, token, now=at(second))
    assert (read.subscriber_id, read.other_id, read.until) == (subscriber, other, at(second))


@given(purposes, subscribers, others)
def test_a_token_is_48_characters_fit_for_urls(purpose, subscriber, other):
    token = KEYS.fresh(purpose, subscriber, other, address_key=ADA, until=UNTIL)
    assert len(token) == FRESH_LENGTH == 48
    assert set(token) <= set(ALPHABET)


@given(purposes, subscribers, others, st.integers(min_value=0, max_value=47), st.integers(min_value=0, max_value=5))
def test_any_flipped_bit_is_refused(purpose, subscriber, other, place, bit):
    token = KEYS.fresh(purpose, subscriber, other, address_key=ADA, until=UNTIL)
    flipped = ALPHABET[ALPHABET.index(token[place]) ^ 1 << bit]
    with pytest.raises(TokenError) as caught:
        KEYS.read_fresh(purpose, token[:place] + flipped + token[place + 1 :], now=NOW)
    # Not even that it would have run out is said of a token that was altered.
    assert not isinstance(caught.value, ExpiredTokenError)


@given(purposes, purposes, subscribers, others)
def test_purposes_do_not_mix(made, read, subscriber, other):
    assume(made is not read)
    with pytest.raises(TokenError):
        KEYS.read_fresh(read, KEYS.fresh(made, subscriber, other, address_key=ADA, until=UNTIL), now=NOW)


@given(purposes, subscribers, others)
def test_fresh_and_lasting_tokens_do_not_mix(purpose, subscriber, other):
    fresh = KEYS.fresh(purpose, subscriber, other, address_key=ADA, until=UNTIL)
    for read in (KEYS.read_leave, KEYS.read_track):
        for text in (fresh, fresh[:32], fresh[16:]):
            with pytest.raises(TokenError):
                read(text)
    for lasting in (KEYS.leave(subscriber, other), KEYS.track(subscriber, other)):
        for text in (lasting, lasting + lasting[:16]):
            with pytest.raises(TokenError):
                KEYS.read_fresh(purpose, text, now=NOW)


@given(purposes, st.text(max_size=60))
def test_any_text_at_all_is_refused_without_another_error(purpose, text):
    with pytest.raises(TokenError):
        KEYS.read_fresh(purpose, text, now=NOW)


def test_it_ends_at_the_second():
    token = KEYS.fresh(Purpose.CONFIRM, 7, 3, address_key=ADA, until=UNTIL)
    almost = UNTIL + timedelta(microseconds=999_999)
    assert KEYS.read_fresh(Purpose.CONFIRM, token, now=almost).subscriber_id == 7
    with pytest.raises(ExpiredTokenError):
        KEYS.read_fresh(Purpose.CONFIRM, token, now=UNTIL + timedelta(seconds=1))


def test_it_is_bound_to_the_address_it_was_mailed_to():
    read = KEYS.read_fresh(Purpose.MANAGE, KEYS.fresh(Purpose.MANAGE, 7, 1, address_key=ADA, until=UNTIL), now=NOW)
    assert KEYS.is_bound(read, ADA)
    assert not KEYS.is_bound(read, "ada@elsewhere.example")


def test_a_retired_key_opens_nothing_that_shows_or_erases_data():
    before = TokenKeys({0: OLD})
    token = before.fresh(Purpose.MANAGE, 7, 1, address_key=ADA, until=UNTIL)
    assert before.read_fresh(Purpose.MANAGE, token, now=NOW).subscriber_id == 7
    with pytest.raises(ExpiredTokenError):
        KEYS.read_fresh(Purpose.MANAGE, token, now=NOW)
    with pytest.raises(TokenError) as caught:
        TokenKeys({1: PRESENT}).read_fresh(Purpose.MANAGE, token, now=NOW)
    assert not isinstance(caught.value, ExpiredTokenError)


def test_tokens_of_one_person_have_nothing_in_common():
    made = [KEYS.fresh(Purpose.MANAGE, 7, 1, address_key=ADA, until=UNTIL + timedelta(seconds=n)) for n in range(200)]
    assert len({token[2:26] for token in made}) == len({token[26:] for token in made}) == len(made)


def test_what_does_not_fit_is_refused_when_it_is_made():
    for subscriber, other in ((2**48, 1), (1, 2**40), (0, 1), (1, 0)):
        with pytest.raises(ValueError, match="does not fit"):
            KEYS.fresh(Purpose.CONFIRM, subscriber, other, address_key=ADA, until=UNTIL)


def test_counters_are_kept_under_hashes_that_tell_nothing():
    assert KEYS.rate_key("address", ADA) == KEYS.rate_key("address", ADA)
    assert len({KEYS.rate_key(kind, one) for kind in ("address", "network") for one in (ADA, "b@c.example")}) == 4
    assert len(KEYS.rate_key("address", ADA)) == 32
