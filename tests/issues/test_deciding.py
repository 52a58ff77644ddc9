import threading
from pathlib import Path
from typing import Any

import pytest

from newsletter.errors import BlockedError, InputError
from newsletter.issues import decide_sides
from newsletter.issues.atomic import locked, replace_file
from newsletter.settings import Settings

INTRO = "“The council voted to study the night ferry.” Quayside Wire\n"
OPINIONS = "".join(
    f"“Opinion number {number} stands here in its own words.”\nAuthor Number{number}, The Paper\n"
    for number in range(8)
)
TEXT = f"{INTRO}Other opinions below.\n{OPINIONS}"


@pytest.fixture
def folder(desk: Any) -> Path:
    made: Path = desk.compose(TEXT, title="T")
    return made


def text(folder: Path) -> str:
    return (folder / "issue.toml").read_text(encoding="utf-8")


def test_sides_are_written_under_their_table_and_nothing_else_changes(
    desk: Any, settings: Settings, folder: Path
) -> None:
    first, second = (quote.id for quote in desk.load(folder).undecided[:2])
    before = text(folder)
    assert decide_sides(settings, folder.name, {first[:5]: "left", second: "right"}) == {first: "left", second: "right"}
    added = [line for line in text(folder).split("\n") if line not in before.split("\n")]
    assert added == [
        f'{first} = "left"  # Author Number0, The Paper',
        f'{second} = "right"  # Author Number1, The Paper',
    ]
    assert text(folder).replace("\n".join(added) + "\n", "") == before
    assert desk.load(folder).quotes[1].side == "left"


def test_comments_and_order_survive_a_change_of_mind(desk: Any, settings: Settings, folder: Path) -> None:
    first, second = (quote.id for quote in desk.load(folder).undecided[:2])
    desk.decide(
        folder, f'# mine\ndate = 2026-11-24 # a day\n[sides]  # sides\n{first} = "left" # sure?\n\n# last\n[links]\n'
    )
    decide_sides(settings, folder.name, {first: "right"})
    assert f'{first} = "right" # sure?' in text(folder)
    decide_sides(settings, folder.name, {second: "both"})
    assert f'# sure?\n{second} = "both"' in text(folder)
    decide_sides(settings, folder.name, {first: None})
    assert first not in text(folder)
    assert text(folder).startswith("# mine\ndate = 2026-11-24 # a day\n[sides]  # sides\n")
    assert text(folder).endswith("\n\n# last\n[links]\n")


@pytest.mark.parametrize(
    "table", ["", "sides = {}\n", "[sides]", "sides = { x = 'left' }\n", "[links]\n", "[sides]\r\nx = 'left'\r\n"]
)
def test_any_way_of_writing_the_table_can_be_edited(desk: Any, settings: Settings, folder: Path, table: str) -> None:
    first = desk.load(folder).undecided[0].id
    (folder / "issue.toml").write_bytes(("date = 2026-11-24\n" + table).encode())
    decide_sides(settings, folder.name, {first: "left"})
    assert desk.load(folder).quotes[1].side == "left"


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        ({"": "left"}, "no quote"),
        ({"zzzzzz": "left"}, "no quote"),
        ({"FIRST": "lefft"}, "no side"),
        ({"PREFIX": "left"}, "too short"),
    ],
)
def test_unknown_quotes_and_sides_change_nothing(
    desk: Any, settings: Settings, folder: Path, choice: dict[str, str], fault: str
) -> None:
    first, second = (quote.id for quote in desk.load(folder).undecided[:2])
    names = {"FIRST": first, "PREFIX": first[:3]}
    before = text(folder)
    with pytest.raises(InputError, match=fault) as caught:
        decide_sides(
            settings, folder.name, {second: "right", **{names.get(key, key): side for key, side in choice.items()}}
        )
    assert caught.value.remedy
    assert text(folder) == before


def test_a_decision_of_a_quote_that_has_gone_can_be_taken_back(desk: Any, settings: Settings, folder: Path) -> None:
    desk.decide(folder, 'date = 2026-11-24\n[sides]\nabcdef = "left"\n')
    decide_sides(settings, folder.name, {"abcdef": None})
    assert text(folder) == "date = 2026-11-24\n[sides]\n"


def test_a_change_on_disk_in_between_is_not_overwritten(folder: Path) -> None:
    path = folder / "issue.toml"
    read = path.read_bytes()
    path.write_bytes(read + b"# the editor's\n")
    with pytest.raises(BlockedError, match="changed on disk"):
        replace_file(path, b"ours", expected=read)
    assert path.read_bytes() == read + b"# the editor's\n"
    assert sorted(entry.name for entry in folder.iterdir()) == ["issue.toml", "roundup.txt"]


def test_permissions_survive(desk: Any, settings: Settings, folder: Path) -> None:
    (folder / "issue.toml").chmod(0o640)
    decide_sides(settings, folder.name, {desk.load(folder).undecided[0].id: "left"})
    assert (folder / "issue.toml").stat().st_mode & 0o777 == 0o640


def test_writers_at_once_lose_no_decision(desk: Any, settings: Settings, folder: Path) -> None:
    quotes = [quote.id for quote in desk.load(folder).undecided]
    threads = [threading.Thread(target=decide_sides, args=(settings, folder.name, {key: "left"})) for key in quotes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(quotes) == 8
    assert [quote.side for quote in desk.load(folder).quotes[1:]] == ["left"] * 8


def test_a_folder_that_stays_locked_is_given_up(folder: Path) -> None:
    with locked(folder), pytest.raises(BlockedError, match="somebody else"), locked(folder, seconds=0.05):
        pass


def test_broken_toml_is_reported_and_left_alone(desk: Any, settings: Settings, folder: Path) -> None:
    desk.decide(folder, "date = 2026-11-24\ntitle = \n")
    with pytest.raises(InputError) as caught:
        decide_sides(settings, folder.name, {"abcd": "left"})
    assert caught.value.where.endswith("issue.toml:2:9")
    assert text(folder) == "date = 2026-11-24\ntitle = \n"
