from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.segments import FilterError, parse
from newsletter.audience.segments.filters import (
    DEEPEST,
    LONGEST,
    MOST_TERMS,
    And,
    Filter,
    Not,
    Or,
    Sign,
    Term,
    both,
    either,
    terms,
)
from newsletter.audience.segments.values import clean
from newsletter.errors import InputError


def term(field: str, value: str | None, sign: Sign = Sign.IS) -> Term:
    return Term(field=field, sign=sign, value=value)


DONOR, US, PRESS = term("tag", "donor"), term("country", "US"), term("tag", "press")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("tag:donor", DONOR),
        ("tag:donor and not country:US", And(parts=(DONOR, Not(part=US)))),
        ("tag:donor or tag:press and country:US", Or(parts=(DONOR, And(parts=(PRESS, US))))),
        ("(tag:donor or tag:press) and country:US", And(parts=(Or(parts=(DONOR, PRESS)), US))),
        ("tag:donor and (tag:press and country:US)", And(parts=(DONOR, PRESS, US))),
        ("not not tag:donor", Not(part=Not(part=DONOR))),
        ("NOT(TAG:Donor AND Country:US)", Not(part=And(parts=(DONOR, US)))),
        ('country:"New Zealand"', term("country", "New Zealand")),
        ("country : US", US),
        ("country:*", term("country", None)),
        ('country:"*"', term("country", "*")),
        ("joined<2026-01-01", term("joined", "2026-01-01", Sign.BEFORE)),
        ("joined >= 2026-01-01", term("joined", "2026-01-01", Sign.FROM)),
        ("hour:7:00", term("hour", "07:00")),
        ("language:pt_BR", term("language", "pt-BR")),
        ("domain:BÜCHER.example", term("domain", "xn--bcher-kva.example")),
        ("zone:Europe/Berlin", term("zone", "Europe/Berlin")),
        (r'tag:"said \"no\" \\"', term("tag", 'said "no" \\')),
        ("tag:and", term("tag", "and")),
        ("tag:a:b<c", term("tag", "a:b<c")),
    ],
)
def test_a_filter_is_read(text: str, tree: Filter) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "character", "what", "remedy"),
    [
        ("", 1, "empty", "tag:donor"),
        ("tag:donor adn country:US", 11, "`adn`", "Did you mean `and`?"),
        ("tag:donor and nto country:US", 15, "`nto`", "Did you mean `not`?"),
        ("tag:a tag:b", 7, "`tag`", "`and` or `or`"),
        ("donor", 1, "says nothing", "tag:donor"),
        ("country=US", 8, "`=`", "country:US"),
        ("tag:donor and (country:US", 15, "never closed", ")"),
        ("tag:donor)", 10, "closes none", "Leave it out"),
        ("tag:a and", 10, "its end", "tag:donor"),
        ("and tag:a", 1, "`and`", "tag:donor"),
        ("tag:", 4, "no value", "tag:something"),
        ('tag:""', 4, "no value", "tag:something"),
        ('tag:"  "', 5, "", ""),
        ('tag:"a', 5, "never closed", "Close it"),
        ('"donor"', 1, "expected a term", "tag:"),
        ("tag<donor", 4, "only `joined`", "tag:donor"),
        ("joined<*", 8, "any value", "Give a day"),
        ("joined<2026-02-30", 8, "no day", "2026-01-31"),
        ("joined<yesterday", 8, "no day", "2026-01-31"),
        ("zone:Europe/Berln", 6, "Europe/Berlin", "Europe/Berlin"),
        ("hour:25:00", 6, "25:00", ""),
        ("domain:nowhere", 8, "no domain", "example.org"),
        ("1country:US", 1, "neither", "country"),
        ("x;drop:1", 1, "neither", "country"),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_to_do(text: str, character: int, what: str, remedy: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert caught.value.where == f"filter, character {character}"
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    shown, caret = caught.value.excerpt
    assert shown == text
    assert caret.index("^") == character - 1


def test_the_fault_is_underlined_by_cells_and_not_by_characters() -> None:
    with pytest.raises(FilterError) as caught:
        parse("tag:日本 adn tag:b")
    assert caught.value.excerpt == ("tag:日本 adn tag:b", "         ^^^")


def test_of_a_long_filter_only_the_surroundings_of_the_fault_are_shown() -> None:
    text = " or ".join(["tag:donor"] * 20) + " adn tag:press " + " or tag:donor" * 20
    with pytest.raises(FilterError) as caught:
        parse(text)
    shown, caret = caught.value.excerpt
    assert (len(shown), shown[caret.index("^") :][:3]) == (122, "adn")


@pytest.mark.parametrize(
    "text",
    [
        "tag:" + "x" * LONGEST,
        " or ".join(["tag:a"] * (MOST_TERMS + 1)),
        "(" * (DEEPEST + 1) + "tag:a" + ")" * (DEEPEST + 1),
        "not " * (DEEPEST + 1) + "tag:a",
        "(" * LONGEST,
    ],
)
def test_what_no_person_writes_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


def test_what_is_just_within_the_limits_is_read() -> None:
    assert len(list(terms(parse(" or ".join(["tag:a"] * MOST_TERMS))))) == MOST_TERMS
    assert parse("(" * DEEPEST + "tag:a" + ")" * DEEPEST) == term("tag", "a")


def cleaned(field: str) -> st.SearchStrategy[Term]:
    """Terms with any value that the field can have."""

    def as_kept(text: str) -> Term | None:
        try:
            return term(field, clean(field, text))
        except InputError:
            return None

    return st.text(min_size=1).map(as_kept).filter(lambda made: made is not None)  # type: ignore[return-value]


trees: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(
        cleaned("tag"),
        cleaned("country"),
        st.just(term("country", None)),
        st.builds(term, st.just("joined"), st.dates().map(str), st.sampled_from(Sign)),
    ),
    lambda inner: st.one_of(
        inner.map(lambda part: Not(part=part)),
        st.lists(inner, min_size=2, max_size=3).map(both),
        st.lists(inner, min_size=2, max_size=3).map(either),
    ),
    max_leaves=6,
)


@given(trees)
def test_what_is_written_reads_as_the_same(tree: Filter) -> None:
    assert parse(str(tree)) == tree


_PIECES = st.sampled_from(
    [
        *("tag", "country", "joined", ":", "<", "<=", "*", "(", ")", "and", "or", "not", '"', "\\", " ", "2026-01-01"),
        *("' OR 1=1 --", "; DROP TABLE list", "%", "\0", "\n", "\ud800", "\u202e", "ﷺ", "ß", "straße", "日本", "50%"),
    ]
)


@given(st.text() | st.lists(_PIECES, max_size=30).map("".join))
def test_any_text_is_a_filter_that_reads_as_itself_or_an_error_in_words(text: str) -> None:
    with suppress(InputError):
        tree = parse(text)
        try:
            again = parse(str(tree))
        except InputError as error:
            raise AssertionError(f"{tree!r} is written so that it cannot be read") from error
        assert again == tree
