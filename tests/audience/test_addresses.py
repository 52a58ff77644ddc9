import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.audience.addresses import (
    _PLAIN,
    _RESERVED,
    domain_key,
    is_plain,
    mask,
    parse,
    without_addresses,
)
from newsletter.errors import InputError

ATEXT = "abcXYZ019!#$%&'*+/=?^_`{|}~-"
domains = st.from_regex(r"[a-zA-Z0-9-]{1,8}(\.[a-zA-Z0-9-]{1,8}){0,2}", fullmatch=True)
plain = st.builds("{}@{}".format, st.text(ATEXT + ".", min_size=1, max_size=12), domains)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann.Example@Example.ORG", "ann.example@example.org"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@bu\u0308cher.example", "ann@bücher.example"),
        ("re\u0301ne@example.org", "RÉNE@example.org"),
        ("ſam@example.org", "sam@example.org"),
        ("\ufeff ann@example.org\u00a0", "ann@example.org"),
    ],
)
def test_two_spellings_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert parse(one).key == parse(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [("ann+news@example.org", "ann@example.org"), ("a.nn@example.org", "ann@example.org")],
)
def test_plus_tags_and_dots_are_other_mailboxes(one: str, other: str) -> None:
    assert parse(one).key != parse(other).key


def test_the_text_keeps_the_local_part_and_is_ascii_where_it_can_be() -> None:
    assert parse("Ann.O'Hara@BÜCHER.example").text == "Ann.O'Hara@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "ann",
            "@example.org",
            "ann@",
            "ann@example",
            "ann@example.org.",
            "ann@exa mple.org",
            "a@b@example.org",
        ),
        *("ann..b@example.org", ".ann@example.org", "ann.@example.org", "ann@-example.org", "ann@example-.org"),
        *("ann@example.invalid", "ann@example.123", "ann@[192.0.2.1]", '"ann b"@example.org', "Ann <ann@example.org>"),
        *("ann@ab--cd.org", "ann@xn--a.org", f"{'a' * 65}@example.org", f"a@{'b' * 64}.org", f"{'é' * 33}@example.org"),
        *(f"a@{'b.' * 200}org", "ann\x00@example.org", "ann@example.org\r\nBcc: x@example.org", "a\u200bb@example.org"),
        *(
            "a\uff20b@example.org",
            "a\uff0e@example.org",
            "\udc80@example.org",
            "ann;b@example.org",
            "a" * 100_000 + "@",
        ),
    ],
)
def test_what_mail_cannot_reach_is_refused_without_naming_the_address(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert "ann@example.org" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(plain)
@example("a@xn--bcher-kva.example")
@example("a@b.test")
@example("a@b.c")
@example("a@b.1a")
def test_the_quick_way_accepts_nothing_that_the_judge_refuses(text: str) -> None:
    found = _PLAIN.fullmatch(text)
    if found is None or found[1].lower() in _RESERVED:
        return
    valid = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    assert parse(text).text.lower() == f"{valid.local_part}@{valid.ascii_domain}".lower()


@given(plain)
def test_the_quick_way_misses_nothing_that_the_judge_accepts(text: str) -> None:
    try:
        validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        with pytest.raises(InputError):
            parse(text) if not text.endswith(".test") else parse("")
    else:
        assert is_plain(text) or "--" in text


@settings(deadline=None)  # the first address out of the ordinary loads tables
@given(st.one_of(plain, st.text(), st.builds("{}@{}".format, st.text(min_size=1), domains), st.emails()))
def test_keys_are_stable_and_nothing_but_an_input_error_is_raised(text: str) -> None:
    try:
        address = parse(text)
    except InputError:
        return
    again = parse(address.text)
    assert again.text == address.text
    assert again.key == address.key
    assert parse(address.key).key == address.key
    assert len(address.text.encode()) <= 254


def test_a_mask_shows_the_domain_and_one_letter() -> None:
    assert mask("ann.example@example.org") == "a…@example.org"


@given(st.text())
def test_a_mask_leaks_no_text_and_no_control_character(text: str) -> None:
    shown = mask(text)
    assert shown.isprintable()
    assert shown == "…" or text.rpartition("@")[0][1:] not in shown[1:] or len(text.rpartition("@")[0]) == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [("Example.ORG", "example.org"), (" bücher.example ", "xn--bcher-kva.example"), ("a.b.example", "a.b.example")],
)
def test_a_domain_is_compared_as_in_the_keys(text: str, key: str) -> None:
    assert domain_key(text) == key == parse(f"ann@{text.strip()}").key.partition("@")[2]


@pytest.mark.parametrize("text", ["", "nowhere", "a b.org", "x@example.org", "-a.org", "example.invalid", "\ud800.org"])
def test_what_is_no_domain_of_mail_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no domain of mail"):
        domain_key(text)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("250 2.0.0 Ok: queued as 4X1", "250 2.0.0 Ok: queued as 4X1"),
        ("5.1.1 <ann@example.org>: no such user", "5.1.1 <address>: no such user"),
        ("ann+news@example.org, bob@example.org: over quota", "<address>, <address>: over quota"),
        ("mailto:ann@example.org", "mailto:<address>"),
        ("no Ann.O'Hara@example.org here", "no <address> here"),
        ("at 5 @ noon", "at 5 @ noon"),
    ],
)
def test_what_servers_say_is_kept_without_whom_they_say_it_of(said: str, kept: str) -> None:
    assert without_addresses(said) == kept


@given(plain, st.text(" abc:;<>()", max_size=5), st.text(" abc:;<>()", max_size=5))
def test_no_address_is_left_in_what_servers_say(address: str, before: str, after: str) -> None:
    try:
        parse(address)
    except InputError:
        return
    assert address not in without_addresses(f"{before}<{address}>{after}")
