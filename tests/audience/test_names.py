import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.names import LONGEST_NAME, clean_name
from newsletter.errors import InputError


@pytest.mark.parametrize(
    "name",
    [
        "Ann O'Hara",
        'Ann "Nan" Example',
        "<b>Ann</b>",
        "Ann 👩‍👩‍👧 Example",
        "ענת לדוגמה",
        "آن",
        "李 安",
        "Jean-Luc d’Été",
        "",
    ],
)
def test_names_of_all_scripts_stay_as_they_are(name: str) -> None:
    assert clean_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Ann   Example ", "Ann Example"),
        ("Ann  Example", "Ann Example"),
        ("Ann\r\nBcc: eve@example.org", "Ann Bcc: eve@example.org"),
        ("Ann\tB\u2028C\x85D", "Ann B C D"),
        ("A\x00n\x1bn\x7f\x9b", "Ann"),
        ("\u202enna\u202c", "nna"),
        ("Ann \x01 B", "Ann B"),
        ("re\u0301ne", "réne"),
    ],
)
def test_line_breaks_become_spaces_and_control_characters_go(text: str, name: str) -> None:
    assert clean_name(text) == name


@pytest.mark.parametrize("text", ["a" * (LONGEST_NAME + 1), "é" * (LONGEST_NAME + 1), "Ann \udc80"])
def test_overlong_names_and_undecoded_bytes_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        clean_name(text)


@given(st.text())
def test_a_clean_name_is_one_line_and_stays_clean(text: str) -> None:
    try:
        name = clean_name(text)
    except InputError:
        return
    assert clean_name(name) == name
    assert len(name.splitlines()) <= 1
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name)
