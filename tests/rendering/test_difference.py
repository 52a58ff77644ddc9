"""What changed between two editions, told from their frozen bytes alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from newsletter.issues.model import Block, BlockKind, Issue, Quote, Section
from newsletter.rendering import Edition, render
from newsletter.rendering.change import Kind, What
from newsletter.rendering.difference import Difference, compare
from newsletter.settings import Settings


@pytest.fixture
def issue(make: SimpleNamespace) -> Issue:
    quotes = [
        make.quote(
            "“Ask the bakers and the nurses who sleep in cars.”", by="Ilse Varga, The Lantern", id="a", side="left"
        ),
        make.quote(
            "“Forty riders a night was the best month ever.”", by="Tomas Reith, The Ledger", id="b", side="right"
        ),
        make.quote(
            "“Two officers cannot guard two quays at all.”", by="Ada Pell, Harbour Standard", id="c", side="right"
        ),
    ]
    note = Block(kind=BlockKind.NOTE, heading="A note", text="We are away on Friday.")
    return make.issue(
        make.section("From the left", quotes[0], side="left", stance="The town works at night."),
        make.section("From the right", quotes[1], quotes[2], side="right"),
        blocks=(note,),
    )


@pytest.fixture
def differ(issue: Issue, make: SimpleNamespace) -> Callable[[Issue], Difference]:
    def differ(changed: Issue) -> Difference:
        frozen = [Edition.from_bytes(render(each, make.settings()).to_bytes()) for each in (issue, changed)]
        return compare(*frozen)

    return differ


def sentences(difference: Difference) -> list[str]:
    return [change.sentence for change in difference.changes]


def with_quotes(issue: Issue, number: int, *quotes: Quote) -> Issue:
    sections = list(issue.sections)
    sections[number] = replace(sections[number], quotes=quotes)
    return replace(issue, sections=tuple(sections))


def with_section(issue: Issue, number: int, section: Section) -> Issue:
    sections = list(issue.sections)
    sections[number] = section
    return replace(issue, sections=tuple(sections))


def test_an_edition_and_itself(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    difference = differ(issue)
    assert difference.changes == ()
    assert difference.before == difference.after


def test_subject_and_preheader(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    changed = replace(issue, subject="Should the night boat come back?", preheader="Both shores read it.")
    assert sentences(differ(changed)) == [
        "The subject changed: “ferry” became “boat”.",
        "The preheader was added: “Both shores read it.”.",
    ]


def test_a_word_of_a_quote(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    first, second = issue.sections[1].quotes
    edited = replace(first, id="z", paragraphs=("“Fifty riders a night was the best month ever.”",))
    difference = differ(with_quotes(issue, 1, edited, second))
    assert sentences(difference) == [
        "The quote by Tomas Reith, The Ledger changed: “““Forty” became “““Fifty”.".replace("““", "“")
    ]
    assert [(piece.fate.value, piece.text) for piece in difference.changes[0].pieces][:2] == [
        ("removed", "“Forty"),
        ("added", "“Fifty"),
    ]
    assert difference.changes[0].quote == "z"


def test_quotes_that_come_and_go(issue: Issue, make: SimpleNamespace, differ: Callable[[Issue], Difference]) -> None:
    new = make.quote("“A bridge needs no timetable whatsoever.”", by="Noor Hale, Quayside Wire", id="n", side="right")
    found = differ(with_quotes(issue, 1, issue.sections[1].quotes[0], new))
    assert [(change.what, change.kind) for change in found.changes] == [
        (What.QUOTE, Kind.ADDED),
        (What.QUOTE, Kind.REMOVED),
    ]
    assert "Noor Hale, Quayside Wire, under 'From the right', was added: “" in found.changes[0].sentence
    assert found.changes[1].sentence.startswith("The quote by Ada Pell, Harbour Standard was taken out: “")


def test_another_order_moves_as_few_as_can_be(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    found = differ(with_quotes(issue, 1, *reversed(issue.sections[1].quotes)))
    assert [change.kind for change in found.changes] == [Kind.MOVED]
    assert "moved from place 3 to place 2 of 3." in found.changes[0].sentence


def test_a_quote_that_goes_to_another_section(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    first, second = issue.sections[1].quotes
    changed = with_quotes(with_quotes(issue, 0, issue.sections[0].quotes[0], first), 1, second)
    assert sentences(differ(changed)) == [
        "The quote by Tomas Reith, The Ledger moved from 'From the right' to 'From the left'."
    ]


def test_sides_links_and_attributions(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    quote = issue.sections[0].quotes[0]
    edited = replace(quote, side="right", link="https://lantern.example/1", attribution="Ilse Varga, The Beacon")
    found = sentences(differ(with_quotes(issue, 0, edited)))
    assert found == [
        "The attribution of “Ask the bakers and the nurses …” changed: “Lantern” became “Beacon”.",
        "The side of the quote by Ilse Varga, The Beacon changed from left to right.",
        "The link of the quote by Ilse Varga, The Beacon changed from nothing to https://lantern.example/1.",
    ]


def test_headings_and_stance_lines(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    section = replace(issue.sections[0], heading="The case for it", stance="The town never sleeps.")
    assert sentences(differ(with_section(issue, 0, section)))[:2] == [
        "A heading changed: “From the left” became “The case for it”.",
        "The stance line under 'The case for it' changed: “works at night.” became “never sleeps.”.",
    ]


def test_blocks(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    note = issue.blocks[0]
    poll = Block(kind=BlockKind.POLL, heading="What do you think?", text="Vote.", link="https://poll.example/1")
    assert sentences(differ(replace(issue, blocks=(replace(note, text="We are away on Monday."), poll)))) == [
        "The block 'A note' changed: “Friday.” became “Monday.”.",
        "The block 'What do you think?' was added: “Vote.”.",
    ]
    assert sentences(differ(replace(issue, blocks=()))) == [
        "The block 'A note' was taken out: “We are away on Friday.”."
    ]


def test_what_readers_do_not_see_is_told_as_that(issue: Issue, differ: Callable[[Issue], Difference]) -> None:
    changed = replace(issue, inputs=(("roundup.txt", b"invented, with a blank line more"),))
    assert sentences(differ(changed)) == ["roundup.txt changed, in a way that readers do not see."]


def test_settings_template_and_versions(issue: Issue, make: SimpleNamespace) -> None:
    before = render(issue, make.settings())
    after = render(issue, make.settings(postal_address="5 Quay Street, Port Alder"))
    manifest = {
        **after.manifest,
        "versions": {**after.manifest["versions"], "lxml": "99.0"},
        "template": {"name": "daily", "sha256": "0" * 64},
        "template_files": {**after.manifest["template_files"], "body.mjml": "0" * 64},
    }
    assert sentences(compare(before, replace(after, manifest=manifest))) == [
        "The template’s file daily/body.mjml changed.",
        "The setting newsroom.postal_address changed from 4 Quay Street, Port Alder to 5 Quay Street, Port Alder.",
        f"The version of lxml changed from {before.manifest['versions']['lxml']} to 99.0.",
    ]


def test_an_edition_from_before_there_were_outlines_is_compared_by_its_text(
    issue: Issue, make: SimpleNamespace
) -> None:
    settings: Settings = make.settings()
    before = render(issue, settings)
    kept = ("slug", "title", "date", "inputs", "template", "versions", "sizes", "replaced_characters")
    old = replace(before, manifest={key: before.manifest[key] for key in kept})
    quote = replace(issue.sections[0].quotes[0], id="z", paragraphs=("“Ask the bakers who sleep in cars.”",))
    found = sentences(compare(Edition.from_bytes(old.to_bytes()), render(with_quotes(issue, 0, quote), settings)))
    assert found == ["The text part changed: “and the nurses” was taken out."]


def test_an_old_edition_whose_words_are_the_same(issue: Issue, make: SimpleNamespace) -> None:
    edition = render(issue, make.settings())
    old = replace(
        edition, manifest={key: edition.manifest[key] for key in ("title", "date", "inputs", "template", "versions")}
    )
    assert sentences(compare(old, edition)) == ["The bytes differ, and nothing that readers see does."]
