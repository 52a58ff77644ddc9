from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from newsletter.issues.model import Block, BlockKind
from newsletter.rendering.layout import lay_out


def _shape(make: SimpleNamespace, *sections: object) -> list[object]:
    layout = lay_out(make.issue(*sections), make.settings())
    return [
        tuple(panel.side.key for panel in part.panels) if part.kind == "pair" else part.side and part.side.key
        for part in layout.parts
    ]


def _sided(make: SimpleNamespace, *sides: str) -> list[object]:
    return [make.section(f"From {side}", make.quote(f"“{side}.”", side=side), side=side) for side in sides]


@pytest.mark.parametrize(
    ("sides", "shape"),
    [
        (["left", "right"], [("left", "right")]),
        (["right", "left"], [("right", "left")]),
        (["left", "left"], ["left", "left"]),
        (["left", "right", "libertarian"], [("left", "right"), "libertarian"]),
        (["libertarian", "left", "right"], ["libertarian", ("left", "right")]),
        (["left", "center", "right"], ["left", "center", "right"]),
        (["center", "libertarian"], [("center", "libertarian")]),
        (["left", "right", "left", "right"], [("left", "right"), ("left", "right")]),
        (["left", "both", "right"], ["left", "both", "right"]),
    ],
)
def test_neighbouring_sections_of_different_sides_stand_side_by_side(
    make: SimpleNamespace, sides: list[str], shape: list[object]
) -> None:
    assert _shape(make, *_sided(make, *sides)) == shape


@pytest.mark.parametrize(
    ("sides", "shape"),
    [
        (["left", "left", "right", "right"], ["other", ("left", "right")]),
        (["right", "left", "left"], ["other", ("right", "left")]),
        (["left", "right", "left"], ["other"]),
        (["left", "right"], ["other"]),
        (["left", "left", None], ["other"]),
        (["left", "left", "left"], ["other"]),
        (["left", "center", "right"], ["other"]),
    ],
)
def test_two_runs_of_sides_under_one_heading_become_a_pair(
    make: SimpleNamespace, sides: list[str | None], shape: list[object]
) -> None:
    quotes = [make.quote(f"“{number}.”", side=side) for number, side in enumerate(sides)]
    assert _shape(make, make.section("Other opinions below.", *quotes, side="other")) == shape


def test_quotes_in_one_column_are_labelled_where_their_side_is_decided(make: SimpleNamespace) -> None:
    quotes = [make.quote(f"“{number}.”", side=side) for number, side in enumerate(["left", None, "right", "both"])]
    layout = lay_out(make.issue(make.section("Elsewhere", *quotes)), make.settings())
    labels = [quote.label and quote.label.name for quote in layout.panels[0].quotes]
    assert labels == ["Left", None, "Right", None]


def test_a_quote_decided_against_its_heading_says_so(make: SimpleNamespace) -> None:
    section = make.section(
        "From the left", make.quote("“a”", side="left"), make.quote("“b”", side="right"), side="left"
    )
    layout = lay_out(make.issue(section), make.settings())
    assert [quote.label and quote.label.key for quote in layout.panels[0].quotes] == [None, "right"]


def test_quotes_keep_the_issues_order(make: SimpleNamespace) -> None:
    issue = make.rich()
    layout = lay_out(issue, make.settings())
    shown = [quote.paragraphs for panel in layout.panels for quote in panel.quotes]
    assert shown == [quote.paragraphs for quote in issue.quotes]


def test_a_sentence_for_a_heading_is_set_under_its_sides_name(make: SimpleNamespace) -> None:
    heading = "Both sides welcome the study, and doubt its timetable:"
    layout = lay_out(
        make.issue(make.section(heading, make.quote("“a”"), side="both", stance="So there.")), make.settings()
    )
    assert (layout.panels[0].label, layout.panels[0].sentences) == ("Both sides", (heading, "So there."))


def test_corrections_and_notes_stand_above_and_the_rest_below(make: SimpleNamespace) -> None:
    blocks = tuple(Block(kind=kind, heading="", text="x") for kind in BlockKind)
    layout = lay_out(make.issue(blocks=blocks), make.settings())
    assert [extra.kind for extra in layout.above] == ["note", "correction"]
    assert [extra.kind for extra in layout.below] == ["bright_side", "sponsor", "poll"]


def test_the_dek_is_left_out_where_it_repeats_the_start(make: SimpleNamespace) -> None:
    introduction = make.section("", make.quote("“The council voted, at last, by one voice.”"))
    repeating = make.issue(introduction, preheader="The council voted, at last…")
    telling = replace(repeating, preheader="Both shores read the vote in their own way.")
    assert lay_out(repeating, make.settings()).dek == ""
    assert lay_out(telling, make.settings()).dek == telling.preheader


def test_only_long_issues_have_a_contents_line(make: SimpleNamespace) -> None:
    short = lay_out(make.issue(make.section("From afar", make.quote("“Few words.”"))), make.settings())
    long = lay_out(make.issue(make.section("From afar", make.quote("word " * 1000))), make.settings())
    assert (short.long, long.long, long.minutes) == (False, True, 4)


def test_a_side_that_the_newsroom_does_not_know_is_shown_without_colour(make: SimpleNamespace) -> None:
    layout = lay_out(
        make.issue(make.section("From beyond", make.quote("“a”", side="beyond"), side="beyond")), make.settings()
    )
    assert layout.panels[0].side is None
