from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from newsletter.checks import check_notice
from newsletter.errors import InputError
from newsletter.rendering import NOTICES
from newsletter.settings import Settings, load

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    shutil.copytree(REPOSITORY / "templates", tmp_path / "templates")
    return load(REPOSITORY).model_copy(update={"root": tmp_path})


@pytest.mark.parametrize("name", NOTICES)
def test_the_packaged_notices_pass_the_checks_of_issues(name: str) -> None:
    assert check_notice(load(REPOSITORY), name) == ()


PLANTED = [
    ("_shared/notice_parts.mjml", 'color="{{ brand.soft }}"', 'color="#dddddd"', "CONTRAST-LIGHT"),
    ("_shared/notice_parts.mjml", 'line-height="24px"', 'line-height="20px"', "TARGET-SMALL"),
    ("_shared/notice_screen.css", "color: {{ brand.card_dark }}", "color: {{ brand.ink_dark }}", "CONTRAST-DARK"),
]


@pytest.mark.parametrize(("file", "words", "instead", "code"), PLANTED)
def test_what_readers_could_not_read_is_found(own: Settings, file: str, words: str, instead: str, code: str) -> None:
    path = own.templates / file
    text = path.read_text("utf-8")
    assert words in text
    path.write_text(text.replace(words, instead), "utf-8")
    assert {finding.code for finding in check_notice(own, "confirm")} == {code}


def test_a_template_of_issues_is_none_of_notices() -> None:
    with pytest.raises(InputError, match="'daily' is for issues"):
        check_notice(load(REPOSITORY), "daily")
