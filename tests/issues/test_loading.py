from datetime import date
from pathlib import Path
from typing import Any

import pytest

from newsletter.errors import InputError
from newsletter.findings import blocking
from newsletter.issues import load, slugs
from newsletter.issues.loading import LONGEST_PREHEADER, default_preheader
from newsletter.issues.model import Issue, Section
from newsletter.roundups import Outlets
from newsletter.settings import Settings

HEAD = "date = 2026-11-24\n"
INTRO = "“The council voted to study the night ferry.” Quayside Wire\n"
LEFT = "“A ferry is not a luxury to be earned by daylight in this town.”\nIlse Varga, The Lantern\n"
RIGHT = "“If the hoteliers want a boat, let them charter one for a season.”\nTomas Reith, Ledger of the Bay\n"
STANCE = "The left argues that a town that works at night must move at night.\n"
HEADED = (
    f"November 24, 2026\n\nThe Night Ferry\n\n{INTRO}\nFrom the Left\n\n{STANCE}\n{LEFT}\nFrom the Right\n\n{RIGHT}"
)
OPEN = f"{INTRO}Other opinions below.\n{LEFT}{RIGHT}"


def codes(issue: Issue) -> list[str]:
    return [finding.code for finding in issue.findings]


def ids(issue: Issue) -> list[str]:
    return [quote.id for quote in issue.quotes]


def test_a_headed_roundup_needs_no_decisions(desk: Any) -> None:
    issue = desk.load(desk.compose(HEADED))
    assert (issue.title, issue.subject, issue.date) == ("The Night Ferry", "The Night Ferry", date(2026, 11, 24))
    assert issue.preheader.startswith("The council voted to study the night ferry")
    assert (issue.template, issue.lists) == ("daily", ("daily",))
    assert [(section.heading, section.side) for section in issue.sections] == [
        ("", None), ("From the Left", "left"), ("From the Right", "right"),
    ]  # fmt: skip
    assert [(quote.side, quote.side_source) for quote in issue.quotes] == [
        (None, None), ("left", "heading"), ("right", "heading"),
    ]  # fmt: skip
    assert issue.sections[0].introduces
    assert not issue.findings
    assert [name for name, _ in issue.inputs] == ["issue.toml", "roundup.txt"]


def test_undecided_quotes_block_until_they_are_decided(desk: Any) -> None:
    folder = desk.compose(OPEN)
    issue = desk.load(folder)
    assert [quote.author for quote in issue.undecided] == ["Ilse Varga", "Tomas Reith"]
    assert [finding.code for finding in blocking(issue.findings)] == ["SIDE-UNDECIDED"] * 2
    assert {finding.file for finding in blocking(issue.findings)} == {"roundup.txt"}
    left, right = ids(issue)[1:]
    desk.decide(folder, f'{HEAD}title = "T"\n[sides]\n{left} = "left"\n{right} = "right"\n')
    issue = desk.load(folder)
    assert not issue.findings
    assert not issue.undecided
    assert [quote.side_source for quote in issue.quotes] == [None, "decision", "decision"]


def test_one_side_alone_blocks_once_all_is_decided(desk: Any) -> None:
    folder = desk.compose(OPEN)
    left, right = ids(desk.load(folder))[1:]
    desk.decide(folder, f'{HEAD}title = "T"\n[sides]\n{left} = "left"\n{right} = "left"\n')
    assert codes(desk.load(folder)) == ["SIDES-FEWER-THAN-TWO"]


def test_a_left_out_quote_takes_its_findings_with_it(desk: Any) -> None:
    folder = desk.compose(HEADED + "\n“No source at all.”\n")
    issue = desk.load(folder)
    assert "QUOTE-NO-ATTRIBUTION" in codes(issue)
    desk.decide(folder, f'{HEAD}leave_out = ["{ids(issue)[-1]}"]\n')
    issue = desk.load(folder)
    assert len(issue.quotes) == 3
    assert not issue.findings


def test_decisions_survive_an_edited_roundup(desk: Any) -> None:
    folder = desk.compose(OPEN)
    left, right = ids(desk.load(folder))[1:]
    desk.decide(folder, f'{HEAD}title = "T"\n[sides]\n{left} = "left"\n{right} = "right"\n')
    moved = f"{INTRO}\n\nOther opinions below.\n\n{RIGHT}\n{LEFT.replace('“A ferry', '“A  FERRY').replace('”', '')}"
    (folder / "roundup.txt").write_text(moved, encoding="utf-8")
    assert [quote.side for quote in desk.load(folder).quotes] == [None, "right", "left"]


def test_a_decision_whose_quote_has_gone_is_a_finding_with_its_line(desk: Any) -> None:
    folder = desk.compose(HEADED)
    toml = f'{HEAD}order = ["aaaa"]\nleave_out = [\n  "bbbb",\n]\n[sides]\ncccc = "left"\n[links]\ndddd = "https://x.example"\n'
    desk.decide(folder, toml + '[headings]\n"Nowhere" = "x"\n')
    found = desk.load(folder).findings
    assert {finding.code for finding in found} == {"ISSUE-DECISION-ORPHAN"}
    assert [finding.line for finding in found] == [2, 4, 7, 9, 11]
    assert {(finding.file, finding.severity.value) for finding in found} == {("issue.toml", "warning")}


def test_links_headings_and_order_are_as_decided(desk: Any) -> None:
    folder = desk.compose(OPEN)
    left, right = ids(desk.load(folder))[1:]
    desk.decide(
        folder,
        f'{HEAD}order = ["{right}"]\n[sides]\n{left} = "left"\n{right} = "both"\n'
        f'[links]\n{left} = "https://lantern.example/x"\n[headings]\n"Other opinions below." = "More voices"\n',
    )
    section = desk.load(folder).sections[1]
    assert section.heading == "More voices"
    assert [(quote.side, quote.link) for quote in section.quotes] == [
        ("both", None),
        ("left", "https://lantern.example/x"),
    ]


def test_several_roundups_follow_each_other_each_with_its_introduction(desk: Any) -> None:
    folder = desk.compose(HEADED, HEADED.replace("The Night Ferry", "The Lighthouse").replace("ferry", "light"))
    issue = desk.load(folder)
    assert [section.heading for section in issue.sections] == [
        "", "From the Left", "From the Right", "The Lighthouse", "", "From the Left", "From the Right",
    ]  # fmt: skip
    assert [section.introduces for section in issue.sections].count(True) == 2
    assert issue.title == "The Night Ferry"


def test_the_same_quote_in_two_files_is_decided_for_each(desk: Any) -> None:
    folder = desk.compose(OPEN, OPEN)
    found = ids(desk.load(folder))
    assert len(set(found)) == 6
    desk.decide(folder, f'{HEAD}leave_out = ["{found[4]}"]\n')
    assert len(desk.load(folder).quotes) == 5


def test_without_a_title_name_and_date_stand_in_with_a_warning(desk: Any) -> None:
    issue = desk.load(desk.compose(OPEN, day=date(2026, 11, 24)))
    assert issue.title == issue.subject == "The Harbour Letter, Tuesday 24 November 2026"
    assert codes(issue)[0] == "ISSUE-NO-TITLE"
    assert issue.preheader == "The council voted to study the night ferry."


def test_title_hints_and_markdown_are_not_shown(desk: Any) -> None:
    text = (
        f"Title: The Night Ferry\nDate: 2026-11-24\n{INTRO}## From the Left\n{LEFT}"
        f"Link: https://lantern.example/x\n## From the Right\n{RIGHT}"
    )
    issue = desk.load(desk.compose(text))
    assert issue.title == "The Night Ferry"
    assert [section.heading for section in issue.sections] == ["", "From the Left", "From the Right"]
    quote = issue.quotes[1]
    assert (quote.attribution, quote.link) == ("Ilse Varga, The Lantern", "https://lantern.example/x")


def test_the_bright_side_needs_no_side(desk: Any) -> None:
    issue = desk.load(desk.compose(HEADED + "\nOn the bright side...\n\n“A concertina came home.” Quayside Wire\n"))
    assert not issue.undecided
    assert not blocking(issue.findings)


def test_a_roundup_of_another_day_is_pointed_out(desk: Any) -> None:
    folder = desk.compose(HEADED)
    desk.decide(folder, "date = 2026-11-25\n")
    assert codes(desk.load(folder)) == ["ISSUE-DATE-DIFFERS"]


def test_imbalance_follows_the_decisions(desk: Any) -> None:
    words = "Many more words than the other side was given here, and then some more of them for good measure. " * 3
    folder = desk.compose(OPEN.replace("season.”", f"season. {words.strip()}”"))
    left, right = ids(desk.load(folder))[1:]
    desk.decide(folder, f'{HEAD}title = "T"\n[sides]\n{left} = "left"\n{right} = "right"\n')
    assert codes(desk.load(folder)) == ["BALANCE-WORDS"]


@pytest.mark.parametrize("slug", ["../x", "/etc", "", ".", "..", "a/b", "a\x00b", ".hidden", "x" * 5000])
def test_hostile_slugs_are_refused(settings: Settings, slug: str) -> None:
    with pytest.raises(InputError):
        load(settings, slug, outlets=Outlets())


def test_a_missing_issue_names_the_nearest(desk: Any, settings: Settings) -> None:
    folder = desk.compose(HEADED)
    assert slugs(settings) == (folder.name,)
    for wrong in ("2026-11-24-the-nigth-ferry", "ferry"):
        with pytest.raises(InputError) as caught:
            load(settings, wrong, outlets=Outlets())
        assert folder.name in caught.value.remedy


def test_links_out_of_the_folder_are_not_followed(desk: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(HEADED, encoding="utf-8")
    folder = desk.compose(HEADED)
    (folder / "more.txt").symlink_to(secret)
    desk.decide(folder, HEAD)
    assert len(desk.load(folder).inputs) == 2
    desk.decide(folder, f'{HEAD}roundups = ["more.txt"]\n')
    with pytest.raises(InputError, match="links are not followed"):
        desk.load(folder)
    (folder / "issue.toml").unlink()
    (folder / "issue.toml").symlink_to(secret)
    with pytest.raises(InputError, match="links are not followed"):
        desk.load(folder)


def test_an_issue_folder_that_is_a_link_is_no_issue(desk: Any, settings: Settings, tmp_path: Path) -> None:
    folder = desk.compose(HEADED)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no issue"):
        load(settings, folder.name, outlets=Outlets())


@pytest.mark.parametrize(
    ("toml", "where"),
    [
        (HEAD + 'roundups = [\n"roundup.txt",\n"gone.txt"]', ":4"),
        (HEAD + 'roundups = ["roundup.txt", "roundup.txt"]', ":2"),
        (HEAD + 'lists = ["dayly"]', ":2"),
        (HEAD + "roundups = []", ""),
    ],
)
def test_names_that_lead_nowhere_are_errors_with_their_line(desk: Any, toml: str, where: str) -> None:
    folder = desk.compose(HEADED)
    desk.decide(folder, toml)
    with pytest.raises(InputError) as caught:
        desk.load(folder)
    assert caught.value.where.endswith(where)
    assert caught.value.remedy


def test_a_roundup_that_is_not_named_is_pointed_out(desk: Any) -> None:
    folder = desk.compose(HEADED)
    (folder / "late.txt").write_text(OPEN, encoding="utf-8")
    assert [(finding.code, finding.file) for finding in desk.load(folder).findings] == [
        ("ISSUE-FILE-UNUSED", "late.txt")
    ]


def test_the_default_preheader_is_cut_at_a_word() -> None:
    section = Section(heading="From the left", side="left", stance="word " * 60, quotes=())
    cut = default_preheader([section])
    assert len(cut) <= LONGEST_PREHEADER
    assert cut.endswith("word…")
    assert len(default_preheader([Section(heading="", side="left", stance="x" * 500, quotes=())])) == LONGEST_PREHEADER


def test_the_default_preheader_is_the_news_and_not_one_sides_stance() -> None:
    news = Section(heading="", side=None, stance=None, quotes=(), prose=("The council voted on Monday.",))
    left = Section(heading="From the left", side="left", stance="The left is glad.", quotes=())
    assert default_preheader([news, left]) == "The council voted on Monday."
    assert default_preheader([left]) == "The left is glad."


def test_another_newsrooms_sides_are_asked_for(desk: Any) -> None:
    sides = {key: desk.settings.sides[old].model_copy() for key, old in (("yes", "left"), ("no", "right"))}
    desk.settings = desk.settings.model_copy(update={"sides": sides})
    folder = desk.compose(HEADED)
    issue = desk.load(folder)
    assert [finding.code for finding in blocking(issue.findings)] == ["SIDE-UNDECIDED"] * 2
    yes, no = ids(issue)[1:]
    desk.decide(folder, f'{HEAD}[sides]\n{yes} = "yes"\n{no} = "no"\n')
    assert not desk.load(folder).findings
