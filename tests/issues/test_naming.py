from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issues.naming import file_names, folder_name, is_component

DAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("title", "stem", "name"),
    [
        ("Should the Night Ferry Come Back?", "x", "2026-11-24-should-the-night-ferry-come-back"),
        ("Putin’s Visit & Kim's Plans", "x", "2026-11-24-putins-visit-kims-plans"),
        ("Ça va à Köln", "x", "2026-11-24-ca-va-a-koln"),
        (None, "roundup-2026-11-24", "2026-11-24-roundup"),
        ("🎉", "🎉", "2026-11-24-issue"),
        ("../../etc/passwd", "x", "2026-11-24-etc-passwd"),
    ],
)
def test_folders_are_named_for_day_and_title(title: str | None, stem: str, name: str) -> None:
    assert folder_name(DAY, title, stem) == name


@given(st.text(max_size=400), st.text(max_size=100))
def test_any_title_gives_a_usable_folder_name(title: str, stem: str) -> None:
    name = folder_name(DAY, title, stem)
    assert is_component(name)
    assert name.isascii()
    assert len(name) <= 80


def test_names_that_collide_are_numbered() -> None:
    assert file_names(["roundup.txt", "Roundup.TXT", "roundup.txt"]) == [
        "roundup.txt",
        "Roundup-2.TXT",
        "roundup-3.txt",
    ]
    assert file_names(["issue.toml"]) == ["issue-2.toml"]


@pytest.mark.parametrize(
    "hostile", ["../../x", ".ssh", "a\nb.txt", "-rf", "x" * 400 + ".txt", "", "...", "\u202etxt.exe", "\udcff"]
)
def test_hostile_names_become_harmless(hostile: str) -> None:
    (name,) = file_names([hostile])
    assert is_component(name)
    assert name[0] not in "-."


@given(st.lists(st.text(max_size=300), max_size=8))
def test_any_names_become_distinct_components(names: list[str]) -> None:
    safe = file_names(names)
    assert all(is_component(name) for name in safe)
    assert len({name.casefold() for name in safe}) == len(names)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a/b", "a\\b", ".hidden", "a\x00b", "a\nb", "x" * 256])
def test_what_is_no_plain_name_is_refused(name: str) -> None:
    assert not is_component(name)
