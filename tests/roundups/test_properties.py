"""What holds of any text at all: nothing lost, no exception, and decisions that survive a re-parse."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from newsletter.roundups import Outlets, read

OUTLETS = Outlets.load(Path(__file__).parents[2] / "outlets.toml")

NAMES = [
    "Odile Farrow",
    "Rafe Duggan and Joan Petrakis",
    "Sen. Ida Kerr (D-MN)",
    "Editorial Board",
    "@dockhand_dee",
    "Łucja Świątek",
]
PLACES = ["Slate", "Wall Street Journal", "The Sawmill Quarterly", "AP News", "Northshore Post", "X", "example.org"]
HEADINGS = [
    "From the Left",
    "From the RIGHT",
    "## What the left is saying",
    "Left: A Headline (Slate)",
    "LeftHeadline Runs In",
    "Both sides urge caution:",
    "Other opinions below.",
    "On the bright side...",
    "A libertarian’s take",
    "The Harbor Question",
    "The left is critical of the bill, arguing that it costs too much.",
]
ODD = [
    "…",
    "....",
    "[…]",
    "See past issues",
    "Subscribe",
    "Title: A Harbor",
    "Date: June 1",
    "June 20, 2024",
    "Friday",
    "https://example.org/a",
    "Q: Why?",
    "Dear readers,",
    "Here’s our prior coverage of X. The Daily Balance",
    "‾\\_(ツ)_/‾",
    "\u200b",
    "\ufeff",
    "\u2028",
    "a\x85b",
    "a\x0bb",
    "x\x0cy",
    "\u202eabc",
    "e\u0301",
    "\ud800",
    "🟦 “",
    "â€œHe saidâ€\x9d",
    "[[[",
    "](http://",
    "**",
    "—",
    "“",
    "”",
    '"',
]
WORDS = st.sampled_from(
    [
        "the",
        "bill",
        "‘aggression’",
        "[is]",
        "cross[ed]",
        "can’t",
        "Thursday",
        "(again)",
        "…",
        "“quoted”",
        '"so"',
        "it",
        "[…]",
        "—",
        "$41",
        "harbor.",
    ]
)


AUTHORS = [
    "Odile Farrow",
    "Rafe O’Shea and Joan Petrakis",
    "Łucja van der Meer",
    "J.D. Tillery Jr.",
    "Dr. Mary-Kate de la Cruz",
    "Sen. Ida Kerr (D-MN)",
    "An Nguyen",
    "A. O. Farrow",
    "Will Center",
    "Michael Right",
    "April June",
    "Editorial Board",
]
KNOWN_PLACES = [
    "Slate",
    "Wall Street Journal",
    "AP News",
    "The Atlantic",
    "Democracy Now!",
    "Center for American Progress",
    "The Hill",
]
TELLING = st.sampled_from(
    [
        "The bill costs too much",
        "Nobody asked the gulls",
        "[Some are] right, the left is not",
        "‘No,’ she said",
        "It’s the law on ice",
        "From the left and from the right they came",
        "In Slate they print anything",
        "June 20 was cold",
        "Subscribe to nothing",
    ]
)
SIDES = {
    "From the Left": "left",
    "From the RIGHT": "right",
    "What the left is saying": "left",
    "## On the Right": "right",
    "Right:": "right",
}


def joined(words: list[str]) -> str:
    return " ".join(words)


SENTENCES = st.lists(WORDS, min_size=1, max_size=12).map(joined)
OPENERS = st.sampled_from(["“", "“", '"', "", "“‘", "> “", "- “", "“[", "… “"])
CLOSERS = st.sampled_from(["”", "”", '"', "", "…", ".’”", "…”", ".” ", "].”"])
SOURCES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "— ", "by ", "(", "Source: "]),
    st.sampled_from(NAMES),
    st.sampled_from([", ", " in ", " at ", " | ", ", writing for ", " argues in "]),
    st.sampled_from([*PLACES, "Slate:", "Reason (June 2, 2024)", "Slate, translated by A Friend"]),
)
PARAGRAPHS = st.builds(
    "{}{}{}{}".format, OPENERS, SENTENCES, CLOSERS, st.sampled_from(["", " AP News", " Slate, Reuters", " (CNN)"])
)
LEAD_INS = st.builds("{}: “{}”".format, SOURCES, SENTENCES)
LINES = st.one_of(
    PARAGRAPHS,
    SOURCES,
    LEAD_INS,
    SENTENCES,
    st.sampled_from(HEADINGS),
    st.sampled_from(ODD),
    st.sampled_from(PLACES),
    st.text(max_size=12),
)
BREAKS = st.sampled_from(["\n", "\n\n", "\r\n", "\r\n\r\n", "\n \t\n", "\r"])
ROUNDUPS = st.lists(st.tuples(LINES, BREAKS), max_size=24).map(
    lambda pairs: "".join(line + end for line, end in pairs).lstrip("\ufeff")
)
ANY_TEXT = st.one_of(ROUNDUPS, st.text(alphabet=st.characters(), max_size=80))


@st.composite
def whole_quotes(draw: st.DrawFn) -> tuple[list[str], str, str]:
    """Paragraphs that each open and of which only the last closes, with an author and a known outlet."""
    sentences = draw(st.lists(TELLING, min_size=1, max_size=3))
    paragraphs = [f"“{sentence}{draw(st.sampled_from(['.', '…', '?']))}" for sentence in sentences[:-1]] + [
        f"“{sentences[-1]}.”"
    ]
    author = draw(st.sampled_from(AUTHORS))
    return paragraphs, author, draw(st.sampled_from(KNOWN_PLACES))


WHOLE_SECTIONS = st.tuples(st.sampled_from(sorted(SIDES)), st.lists(whole_quotes(), min_size=1, max_size=3))


def parsed(text: str) -> dict[str, Any]:
    result = read(text, outlets=OUTLETS).as_dict()
    json.dumps(result)
    return result


def quotes_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [quote for section in result["sections"] for quote in section["quotes"]]


def texts_of(result: dict[str, Any]) -> Iterator[str]:
    """Every place of the contract in which a text can land, by the keys of the JSON alone."""
    yield from (result[key] for key in ("title", "date") if result[key] is not None)
    for section in result["sections"]:
        yield from (text for text in (section["heading"], section["summary"]) if text)
        for quote in section["quotes"]:
            yield from quote["paragraphs"]
            yield from quote["attribution"].split("\n") if quote["attribution"] else []
        yield from section["prose"]
    yield from result["furniture"]


def uncovered(text: str, landed: list[str]) -> tuple[list[str], list[str]]:
    """The lines that no landed texts make up, and the landed texts that make up no line. White space does not count.

    Whole lines are settled first; what is left are divided lines, which two or more of the left texts have to tile.
    """
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")) if line.strip()]
    left = list(landed)
    divided = []
    for line in lines:
        if line in left:
            left.remove(line)
        else:
            divided.append(line)
    missing = []
    for line in divided:
        parts = tiles(line, left)
        for part in parts:
            left.remove(part)
        if not parts:
            missing.append(line)
    return missing, left


def tiles(line: str, texts: list[str]) -> list[str]:
    """Texts, each used once, that together are the line; [] where there are none."""
    for index, text in enumerate(texts):
        if not line.startswith(text):
            continue
        rest = line[len(text) :].strip()
        if not rest:
            return [text]
        if found := tiles(rest, texts[:index] + texts[index + 1 :]):
            return [text, *found]
    return []


def without_places(result: dict[str, Any]) -> str:
    return re.sub(r'"(?:lines|line|column)": (?:\[[^]]*\]|\d+|null)', "", json.dumps(result))


@settings(max_examples=60)
@given(ANY_TEXT)
def test_every_line_lands_verbatim_exactly_once(text: str) -> None:
    assert uncovered(text, list(texts_of(parsed(text)))) == ([], [])


@settings(max_examples=60)
@given(ROUNDUPS)
def test_parse_is_the_same_twice(text: str) -> None:
    assert parsed(text) == parsed(text)


@settings(max_examples=60)
@given(ROUNDUPS)
def test_line_ends_do_not_matter(text: str) -> None:
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    assert parsed(unix) == parsed(unix.replace("\n", "\r\n")) == parsed("\ufeff" + unix)


@settings(max_examples=60)
@given(ROUNDUPS)
def test_blank_lines_do_not_matter(text: str) -> None:
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    assert without_places(parsed("\n".join(lines)) | {"findings": []}) == without_places(
        parsed("\n \n\n".join(lines)) | {"findings": []}
    )


@settings(max_examples=60)
@given(st.lists(WORDS, min_size=3, max_size=12), st.sampled_from([" ", "  ", "\u00a0", "\t"]))
def test_id_survives_other_marks_white_space_and_case(words: list[str], space: str) -> None:
    assume(any(character.isalnum() for character in joined(words)))
    plain = re.sub(r"[^\w ]", "", joined(words)).strip()
    assume(len(plain.split()) > 1)
    forms = [f"“{plain}.”", f'"{plain}"', f"“‘{plain.upper()}…’”", f"“{space.join(plain.split())}!”"]
    ids = {quotes_of(parsed(f"From the Left\n{form}\nOdile Farrow, Slate"))[0]["id"] for form in forms}
    assert len(ids) == 1


@settings(max_examples=60)
@given(ROUNDUPS)
def test_ids_do_not_depend_on_the_place(text: str) -> None:
    first = [quote["id"] for quote in quotes_of(parsed(text))]
    second = [quote["id"] for quote in quotes_of(parsed("\n\n\n" + text))]
    assert first == second


@settings(max_examples=60)
@given(ROUNDUPS)
def test_appending_a_quote_keeps_the_earlier_ones(text: str) -> None:
    start = text + "\nFrom the Left\n“The harbor froze in March.”\nOdile Farrow, Slate\n"
    before = quotes_of(parsed(start))
    after = quotes_of(
        parsed(start + "“Nobody asked the gulls, and they had a good deal to say.”\nHester Vance, Reason\n")
    )
    kept = [(quote["id"], quote["author"], quote["outlet"], quote["lean"]) for quote in before]
    assert [(quote["id"], quote["author"], quote["outlet"], quote["lean"]) for quote in after[: len(kept)]] == kept
    assert (after[-1]["author"], after[-1]["outlet"]) == ("Hester Vance", "Reason")


@settings(max_examples=60)
@given(ROUNDUPS)
def test_author_and_outlet_stand_in_the_attribution(text: str) -> None:
    for quote in quotes_of(parsed(text)):
        names = [name for name in (quote["author"], quote["outlet"]) if name is not None]
        assert all(name and name in quote["attribution"] for name in names)
        assert quote["attribution"] or not names
        assert quote["paragraphs"]


@settings(max_examples=60)
@given(ROUNDUPS)
def test_findings_name_places_in_the_file(text: str) -> None:
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    for finding in parsed(text)["findings"]:
        if finding["line"] is not None:
            assert 1 <= finding["line"] <= len(lines)
            assert 1 <= (finding["column"] or 1) <= len(lines[finding["line"] - 1]) + 1


@settings(max_examples=60)
@given(ROUNDUPS)
def test_a_quote_has_a_lean_only_where_the_text_names_one_side(text: str) -> None:
    for section in parsed(text)["sections"]:
        for quote in section["quotes"]:
            if section["lean"] in {"left", "right", "center", "libertarian"}:
                assert quote["lean"] == section["lean"]
            assert (quote["lean"] is None) == (quote["lean_source"] is None)
            assert quote["lean"] is None or "lean_suggested" not in quote


@settings(max_examples=60)
@given(st.lists(WHOLE_SECTIONS, min_size=1, max_size=3), st.sampled_from(["\n", "\n\n", "\r\n"]))
def test_a_well_formed_roundup_is_read_as_it_was_written(sections: list[Any], end: str) -> None:
    lines = ["The Harbor Froze", "Thursday, June 20, 2024"]
    for heading, quotes in sections:
        lines.append(heading)
        for paragraphs, author, outlet in quotes:
            lines += [*paragraphs, f"{author}, {outlet}"]
    result = parsed(end.join(lines))
    assert (result["title"], result["date"], result["furniture"]) == (lines[0], lines[1], [])
    found = [
        (
            section["heading"],
            section["lean"],
            [(quote["paragraphs"], quote["author"], quote["outlet"]) for quote in section["quotes"]],
        )
        for section in result["sections"]
    ]
    assert found == [(heading, SIDES[heading], quotes) for heading, quotes in sections]


@pytest.mark.parametrize(
    "unit", ["*", "_", "-", "—", "#", "|", " ", "\u00a0", "\u2028", "“", "”", '"', "[", "(", ",", ".", "…", "A ", "” "]
)
def test_a_long_run_of_one_mark_takes_no_long_time(unit: str) -> None:
    """A pattern that tries again from every character of the run takes minutes for it."""
    run = unit * 60_000
    start = time.process_time()
    parsed(f"From the Left\n“It froze{run}” AP News\nx{run}x\n{run}\nOdile Farrow, Slate")
    assert time.process_time() - start < 3
