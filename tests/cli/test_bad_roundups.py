"""Files that are no roundups: one error that says what, where and what to do, exit code 2, nothing half written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

QUOTE = "“A ferry is a street that floats.”\nAda Marlow, The Harbour Post\n"


def link_in_a_circle(path: Path) -> None:
    path.symlink_to(path.name)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 8), "binary"),
    "with a NUL": (lambda path: path.write_bytes(b"a\0b\n"), "binary"),
    "Latin-1": (lambda path: path.write_bytes(f"Line one\n{QUOTE}Café\n".encode("cp1252")), "roundup.txt:2:1"),
    "UTF-16": (lambda path: path.write_bytes(QUOTE.encode("utf-16")), "UTF-16"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "blank": (lambda path: path.write_bytes(b"\xef\xbb\xbf \n\t\n"), "is empty"),
    "over 1 MiB": (lambda path: path.write_bytes(b"a" * (2**20 + 1)), "1,048,576"),
    "missing": (str, "there is no such file"),
    "a folder": (lambda path: path.mkdir(), "directory"),
    "a pipe": (os.mkfifo, "no plain file"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "there is no such file"),
    "a link in a circle": (link_in_a_circle, "symbolic links"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_no_roundup_is_refused(newsroom, kind):
    make, says = BAD[kind]
    make(newsroom.root / "roundup.txt")
    newsroom.run("roundup", "parse", "roundup.txt").refuses("roundup.txt", says)


@pytest.mark.parametrize("kind", ["binary", "Latin-1", "empty", "over 1 MiB", "missing", "a link in a circle"])
def test_a_file_that_is_no_roundup_makes_no_issue(newsroom, kind):
    make, says = BAD[kind]
    make(newsroom.root / "roundup.txt")
    before = newsroom.tree()
    newsroom.run("issue", "new", "roundup.txt").refuses("roundup.txt", says)
    assert newsroom.tree() == before


def test_a_file_that_may_not_be_read_is_refused(newsroom, as_anybody):
    newsroom.put("roundup.txt", QUOTE).chmod(0)
    newsroom.run("issue", "new", "roundup.txt", **as_anybody).refuses("roundup.txt: error: cannot be read: Permission")


def test_one_bad_file_among_good_ones_stops_the_whole_issue(newsroom):
    newsroom.put("good.txt", QUOTE)
    newsroom.put("bad.txt", b"\xff\xfe")
    before = newsroom.tree()
    newsroom.run("issue", "new", "good.txt", "bad.txt").refuses("bad.txt")
    assert newsroom.tree() == before


def test_a_folder_that_may_not_be_written_keeps_no_half_issue(newsroom, as_anybody):
    newsroom.put("roundup.txt", QUOTE)
    before = newsroom.tree()
    (newsroom.root / "issues").chmod(0o500)
    newsroom.run("issue", "new", "roundup.txt", "--title", "A title", **as_anybody).refuses("issues", "Permission")
    (newsroom.root / "issues").chmod(before["issues"][0] & 0o777)
    assert newsroom.tree() == before


@pytest.mark.parametrize("wrong", [("--date", "24.11.2026"), ("--date", "2026-02-30"), ("--title", "a\r\nBcc: b")])
def test_a_wrong_date_or_title_is_refused(newsroom, wrong):
    newsroom.put("roundup.txt", QUOTE)
    before = newsroom.tree()
    newsroom.run("issue", "new", "roundup.txt", *wrong).refuses(wrong[0])
    assert newsroom.tree() == before


def test_an_issue_is_never_written_over(newsroom):
    newsroom.put("roundup.txt", QUOTE)
    once = newsroom.run("issue", "new", "roundup.txt", "--title", "Ferries", "--date", "2026-11-27")
    assert (once.code, once.out) == (0, "2026-11-27-ferries\n")
    before = newsroom.tree()
    newsroom.run("issue", "new", "roundup.txt", "--title", "Ferries", "--date", "2026-11-27").refuses("exists already")
    assert newsroom.tree() == before


def test_a_file_name_steers_no_terminal(newsroom):
    answer = newsroom.run("roundup", "parse", "\x1b]0;owned\x07[bold]\nerror: x\u202etxt")
    answer.refuses(r"\x1b]0;owned\x07[bold]\nerror: x\u202etxt: error: there is no such file")


def test_a_file_name_of_no_encoding_is_taken(newsroom):
    name = os.fsdecode(b"caf\xe9.txt")
    (newsroom.root / name).write_text(QUOTE, encoding="utf-8")
    answer = newsroom.run("issue", "new", name, "--date", "2026-11-27", "--json")
    assert answer.code == 0, answer


def test_a_place_is_shown_as_it_is_where_its_line_has_the_name_of_an_emoji(newsroom):
    (newsroom.root / "late.txt").write_text("Night ferry\n\n## Left\n" + "\n" * 96 + "“Nobody said this.”\n")
    answer = newsroom.run("roundup", "parse", "late.txt")
    assert "late.txt:100:1: " in answer.err, answer.err
