import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from newsletter.errors import InputError
from newsletter.issues import compose, prepare
from newsletter.settings import Settings

TODAY = date(2026, 11, 23)
BARE = """From the Left

“A.”
Ilse Varga, The Lantern

From the Right

“B.”
Jon Abara, Morning Tide
"""
HEADED = f"November 24, 2026\n\nThe Night Ferry\n\n{BARE}"


def toml(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "issue.toml").read_text(encoding="utf-8"))


def test_the_files_are_kept_byte_for_byte(desk: Any, settings: Settings) -> None:
    data = b"\xef\xbb\xbf" + HEADED.replace("\n", "\r\n").encode() + b"\r\n  trailing  "
    folder = compose(settings, [desk.paste(data)], date=None, title=None, today=TODAY)
    assert folder == settings.issues / "2026-11-24-the-night-ferry"
    assert (folder / "roundup.txt").read_bytes() == data
    assert [path.name for path in settings.issues.iterdir()] == [folder.name]


def test_a_fresh_issue_toml_holds_date_and_files_and_explains_the_rest(desk: Any) -> None:
    folder = desk.compose(HEADED)
    assert toml(folder) == {
        "date": date(2026, 11, 24), "roundups": ["roundup.txt"], "order": [], "leave_out": [],
        "sides": {}, "links": {}, "headings": {},
    }  # fmt: skip
    text = (folder / "issue.toml").read_text(encoding="utf-8")
    for key in ("title", "subject", "preheader", "template", "lists", "[[blocks]]"):
        assert f"# {key}" in text


def test_each_commented_default_may_be_uncommented(desk: Any) -> None:
    folder = desk.compose(HEADED)
    text = (folder / "issue.toml").read_text(encoding="utf-8")
    keys = (
        "title",
        "subject",
        "preheader",
        "template",
        "lists",
        "[[blocks]]",
        "kind",
        "heading",
        "text",
        "link",
        "link_text",
    )
    for key in keys:
        text = text.replace(f"\n# {key} = ", f"\n{key} = ").replace(f"\n# {key}\n", f"\n{key}\n")
    desk.decide(folder, text.replace('"https://…"', '"https://x.example/"'))
    assert desk.load(folder).blocks[0].link_text == "Read on"


def test_options_go_before_what_the_roundup_says(desk: Any) -> None:
    folder = desk.compose(HEADED, title='Say "Ferry"', day=date(2026, 12, 1))
    assert folder.name == "2026-12-01-say-ferry"
    assert toml(folder)["title"] == 'Say "Ferry"'


def test_the_date_comes_from_the_file_name_and_is_called_a_guess(desk: Any, settings: Settings) -> None:
    new = prepare(settings, [desk.paste(BARE, "roundup-2024-06-20.txt")], date=None, title=None, today=TODAY)
    assert new.folder.name == "2024-06-20-roundup"
    (finding,) = new.findings
    assert finding.code == "ISSUE-DATE-GUESSED"
    assert "roundup-2024-06-20.txt" in finding.message
    assert b"a guess" in new.files["issue.toml"]
    assert not settings.issues.exists()


def test_the_date_is_today_where_nothing_names_one(desk: Any, settings: Settings) -> None:
    new = prepare(settings, [desk.paste(BARE)], date=None, title=None, today=TODAY)
    assert new.folder.name == "2026-11-23-roundup"
    assert new.findings


def test_a_date_without_a_year_is_a_guess(desk: Any, settings: Settings) -> None:
    text = HEADED.replace("November 24, 2026", "Tuesday 24")
    new = prepare(settings, [desk.paste(text)], date=None, title=None, today=TODAY)
    assert new.folder.name == "2026-11-24-the-night-ferry"
    assert "nearest" in new.findings[0].message


def test_files_of_one_name_are_both_kept(desk: Any) -> None:
    folder = desk.compose(HEADED, BARE)
    assert toml(folder)["roundups"] == ["roundup.txt", "roundup-2.txt"]
    assert (folder / "roundup-2.txt").read_text(encoding="utf-8") == BARE


def test_the_same_input_twice_names_the_folder(desk: Any) -> None:
    folder = desk.compose(HEADED)
    before = (folder / "issue.toml").read_bytes()
    with pytest.raises(InputError, match="exists already") as caught:
        desk.compose(HEADED)
    assert caught.value.where == str(folder)
    assert (folder / "issue.toml").read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"  \n", b"\x00\x01", "é".encode("latin-1"), b"x" * 1_100_000])
def test_an_unusable_file_leaves_nothing_behind(desk: Any, settings: Settings, data: bytes) -> None:
    good, bad = desk.paste(HEADED), desk.paste(data, "bad.txt")
    with pytest.raises(InputError) as caught:
        compose(settings, [good, bad], date=None, title=None, today=TODAY)
    assert "bad.txt" in caught.value.where
    assert not settings.issues.exists()


def test_missing_files_folders_and_pipes_are_refused(settings: Settings, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path / "none.txt", tmp_path, pipe):
        with pytest.raises(InputError) as caught:
            compose(settings, [path], date=None, title=None, today=TODAY)
        assert caught.value.where == str(path)


def test_no_file_and_the_same_file_twice_are_refused(desk: Any, settings: Settings) -> None:
    path = desk.paste(HEADED)
    for files in ([], [path, path.parent / "." / path.name]):
        with pytest.raises(InputError):
            compose(settings, files, date=None, title=None, today=TODAY)


@pytest.mark.parametrize("title", ["", "  ", "a\nb", "x" * 301, "a\x1bb"])
def test_hostile_titles_are_refused(desk: Any, title: str) -> None:
    with pytest.raises(InputError):
        desk.compose(HEADED, title=title)


def test_hostile_text_cannot_leave_the_comments(desk: Any) -> None:
    folder = desk.compose(HEADED.replace("The Night Ferry", 'Ferry\x85title = "x"\u2028[[blocks]] \x7f'))
    assert "title" not in toml(folder)
    assert not desk.load(folder).blocks


def test_a_folder_that_cannot_be_made_leaves_nothing(desk: Any, settings: Settings) -> None:
    settings.issues.write_text("a file in the way")
    with pytest.raises(InputError):
        desk.compose(HEADED)
    assert settings.issues.read_text() == "a file in the way"


def test_a_dangling_link_in_the_folders_place_is_not_written_through(
    desk: Any, settings: Settings, tmp_path: Path
) -> None:
    settings.issues.mkdir()
    (settings.issues / "2026-11-24-the-night-ferry").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="exists already"):
        desk.compose(HEADED)
    assert not (tmp_path / "elsewhere").exists()
