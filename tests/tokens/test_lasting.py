import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.tokens import LENGTH, TokenError, TokenKeys, load_keys

KEYS = TokenKeys({0: b"an old key of the newsroom", 1: b"the present key of the newsroom"})
subscribers = st.integers(min_value=1, max_value=2**48 - 1)
others = st.integers(min_value=1, max_value=2**40 - 1)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(subscribers, others)
def test_what_goes_in_comes_out(subscriber, other):
    assert KEYS.read_track(KEYS.track(subscriber, other)) == (subscriber, other)
    assert KEYS.read_leave(KEYS.leave(subscriber, other)) == (subscriber, other)


@given(subscribers, others)
def test_a_token_is_32_characters_fit_for_urls(subscriber, other):
    token = KEYS.leave(subscriber, other)
    assert len(token) == LENGTH == 32
    assert set(token) <= set(ALPHABET)


@given(subscribers, others, st.integers(min_value=0, max_value=31), st.sampled_from(ALPHABET))
def test_any_changed_character_is_refused(subscriber, other, place, character):
    token = KEYS.track(subscriber, other)
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        with pytest.raises(TokenError):
            KEYS.read_track(changed)


@given(subscribers, others)
def test_purposes_do_not_mix(subscriber, other):
    with pytest.raises(TokenError):
        KEYS.read_leave(KEYS.track(subscriber, other))
    with pytest.raises(TokenError):
        KEYS.read_track(KEYS.leave(subscriber, other))


@given(st.text(max_size=40))
def test_any_text_at_all_is_refused_without_another_error(text):
    with pytest.raises(TokenError):
        KEYS.read_leave(text)


def test_a_refusal_does_not_repeat_the_token():
    token = "x" * 32
    with pytest.raises(TokenError) as caught:
        KEYS.read_leave(token)
    assert token not in str(caught.value)


def test_retired_keys_still_read_and_no_longer_write():
    before = TokenKeys({0: b"an old key of the newsroom"})
    assert KEYS.read_leave(before.leave(7, 3)) == (7, 3)
    with pytest.raises(TokenError):
        before.read_leave(KEYS.leave(7, 3))


def test_another_newsrooms_key_reads_nothing():
    with pytest.raises(TokenError):
        TokenKeys({1: b"some other newsroom's key"}).read_leave(KEYS.leave(7, 3))


def test_tokens_of_one_subscriber_have_nothing_in_common():
    tokens = [KEYS.track(1, mailing) for mailing in range(1, 200)]
    assert len({token[2:18] for token in tokens}) == len(tokens)
    assert len({token[18:] for token in tokens}) == len(tokens)


def test_ids_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        KEYS.track(2**48, 1)


def test_a_fingerprint_outlives_a_new_key():
    before = TokenKeys({0: b"an old key of the newsroom"})
    assert KEYS.fingerprint("a@example.org") == before.fingerprint("a@example.org")
    assert KEYS.fingerprint("a@example.org") != KEYS.fingerprint("b@example.org")
    assert len(KEYS.fingerprint("a@example.org")) == 64


def test_the_key_does_not_show_in_a_repr():
    assert "newsroom" not in repr(KEYS)


def test_a_key_that_is_too_short_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="NEWSLETTER_SECRET_KEY"):
        load_keys("short", tmp_path / "secret.key")


def test_a_key_is_made_on_first_use_for_its_owner_only(tmp_path):
    file = tmp_path / "data" / "secret.key"
    token = load_keys(None, file).leave(1, 2)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_keys(None, file).read_leave(token) == (1, 2)
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_a_lost_key_is_never_replaced_by_another(tmp_path):
    with pytest.raises(InputError, match="backup"):
        load_keys(None, tmp_path / "secret.key", new=False)
    assert list(tmp_path.iterdir()) == []


def test_all_who_start_at_once_get_the_same_key(tmp_path):
    tokens = []
    ready = threading.Barrier(8)

    def start():
        ready.wait()
        tokens.append(load_keys(None, tmp_path / "secret.key").leave(1, 2))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert len(set(tokens)) == 1


def test_given_keys_are_in_order_and_need_no_file(tmp_path):
    one = load_keys("the first key of all", tmp_path / "secret.key")
    both = load_keys("the first key of all, the second key of all", tmp_path / "secret.key")
    assert both.read_leave(one.leave(4, 5)) == (4, 5)
    assert not (tmp_path / "secret.key").exists()


def test_a_key_file_that_cannot_be_read_is_one_clear_error(tmp_path):
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(InputError, match=r"secret\.key"):
        load_keys(None, tmp_path / "secret.key")
