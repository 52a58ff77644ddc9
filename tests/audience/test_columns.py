import pytest

from newsletter.audience.columns import Columns, find_columns, refuses
from newsletter.errors import InputError


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        (["email", "name"], Columns(address=0, name=1)),
        (["Name", "E-Mail"], Columns(address=1, name=0)),
        (["Email Address", "First Name", "Last Name", "TAGS"], Columns(address=0, first_name=1, last_name=2)),
        (["Vorname", "Nachname", "E-Mail-Adresse"], Columns(address=2, first_name=0, last_name=1)),
        (["Address", "Email"], Columns(address=1)),
        (["Address", "Work email"], Columns(address=1)),
        (["address", "full_name"], Columns(address=0, name=1)),
        (["id", "Your e-mail (required)", "Time zone", "Locale"], Columns(address=1, zone=2, language=3)),
        (["email", "email_status", "subscribed_to_emails"], Columns(address=0, status=1)),
        (["Prénom", "Courriel"], Columns(address=1, first_name=0)),
    ],
)
def test_headings_of_common_tools_are_known(heading: list[str], columns: Columns) -> None:
    assert find_columns([heading]) == (columns, True)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (["ann@example.org"], Columns(address=0)),
        (["ann@example.org", "Ann"], Columns(address=0, name=1)),
        (["Ann", "ann@example.org"], Columns(address=1, name=0)),
        (["ann@example.org", "Ann", "555 0100"], Columns(address=0)),
    ],
)
def test_a_first_row_with_an_address_is_data(row: list[str], columns: Columns) -> None:
    assert find_columns([row]) == (columns, False)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([["not an address"], ["ann@example.org"]], Columns(address=0)),
        ([["broken@", "Ann"], ["bob@example.org", "Bob"], ["also broken", "Cy"]], Columns(address=0, name=1)),
        ([["Whom", "Where"], ["Ann", "ann@example.org"]], Columns(address=1, name=0)),
    ],
)
def test_in_a_narrow_file_a_first_row_that_is_neither_is_data(rows: list[list[str]], columns: Columns) -> None:
    assert find_columns(rows) == (columns, False)


@pytest.mark.parametrize(
    "rows",
    [
        [["Readers of 2026"], ["email", "name"], ["ann@example.org", "Ann"]],
        [["Whom", "Where", "When"], ["Ann", "ann@example.org", "now"]],
    ],
)
def test_headings_that_might_be_missed_are_asked_for(rows: list[list[str]]) -> None:
    with pytest.raises(InputError, match="no column holds addresses"):
        find_columns(rows)


def test_no_address_column_is_one_error_that_says_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        find_columns([["Ann", "Bob"], ["Cy", "Dee"]])
    assert caught.value.what == "no column holds addresses; the first row has 'Ann', 'Bob'"
    assert "`email`" in caught.value.remedy


def test_statuses_that_say_no() -> None:
    assert all(map(refuses, ["Unsubscribed", "opted-out", "FALSE", "0", "blocklisted", "Cleaned"]))
    assert not any(map(refuses, ["", "subscribed", "enabled", "TRUE", "VIP"]))
