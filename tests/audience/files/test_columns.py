import re

import pytest

from newsletter.audience.files.columns import Columns, find_columns, parse_mapped
from newsletter.audience.files.headings import Meaning
from newsletter.errors import InputError


def at(**places: int) -> Columns:
    return Columns(places={Meaning(meaning): place for meaning, place in places.items()})


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        (["email", "name"], at(address=0, name=1)),
        (["Name", "E-Mail"], at(address=1, name=0)),
        (
            ["Email Address", "First Name", "Last Name", "TAGS"],
            at(address=0, first_name=1, last_name=2, tags=3),
        ),
        (
            ["Vorname", "Nachname", "E-Mail-Adresse"],
            at(address=2, first_name=0, last_name=1),
        ),
        (["Address", "Email"], at(address=1)),
        (["Address", "Work email"], at(address=1)),
        (["address", "full_name"], at(address=0, name=1)),
        (
            ["id", "Your e-mail (required)", "Time zone", "Locale"],
            at(address=1, zone=2, language=3),
        ),
        (["email", "email_status", "subscribed_to_emails"], at(address=0, status=1)),
        (["Prénom", "Courriel"], at(address=1, first_name=0)),
    ],
)
def test_headings_of_common_tools_are_known(heading: list[str], columns: Columns) -> None:
    assert find_columns([heading]) == (columns, True)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (["ann@example.org"], at(address=0)),
        (["ann@example.org", "Ann"], at(address=0, name=1)),
        (["Ann", "ann@example.org"], at(address=1, name=0)),
        (["ann@example.org", "Ann", "555 0100"], at(address=0)),
    ],
)
def test_a_first_row_with_an_address_is_data(row: list[str], columns: Columns) -> None:
    assert find_columns([row]) == (columns, False)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([["not an address"], ["ann@example.org"]], at(address=0)),
        (
            [["broken@", "Ann"], ["bob@example.org", "Bob"], ["also broken", "Cy"]],
            at(address=0, name=1),
        ),
        ([["Whom", "Where"], ["Ann", "ann@example.org"]], at(address=1, name=0)),
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
    assert "--map" in caught.value.remedy


def test_what_people_say_goes_before_headings() -> None:
    mapped = parse_mapped(["E-Mail (2)=address", "Land=attribute:country", "Email=ignore", "*=attribute"])
    columns, headed = find_columns([["Email", "E-Mail (2)", "Name", "Land", "Shoe size", ""]], mapped)
    assert headed
    assert columns.places == {Meaning.ADDRESS: 1, Meaning.NAME: 2}
    assert columns.attributes == {"country": 3, "shoe_size": 4}


def test_columns_may_be_named_by_number_and_with_other_letters() -> None:
    columns, _ = find_columns([["email", "email"]], parse_mapped(["column 2=address"]))
    assert columns.address == 1
    columns, _ = find_columns([["E_MAIL", "Who"]], parse_mapped(["who=name"]))
    assert columns.places[Meaning.NAME] == 1
    columns, headed = find_columns([["ann@example.org", "Ann", "US"]], parse_mapped(["column 3=attribute:country"]))
    assert (columns.attributes, headed) == ({"country": 2}, False)


def test_our_own_headings_of_attributes_are_known() -> None:
    columns, _ = find_columns([["email", "attribute:country", "attribute:Zone"]])
    assert columns.attributes == {"country": 1, "x_zone": 2}


@pytest.mark.parametrize(
    ("heading", "mapped", "what"),
    [
        (["email", "Email"], [], "two columns are called 'email'"),
        (["email", "name", "Name"], [], "two columns are called 'name'"),
        (["email", "a", "b"], ["a=name", "b=name"], "two columns are mapped to 'name'"),
        (["email", "Land", "land"], ["*=attribute"], "two columns are the attribute 'land'"),
        (["email"], ["Land=attribute"], "no column is called 'Land'"),
        (["email", "a", "a"], ["a=name"], "2 columns are called 'a'"),
        (["email", *(f"c{number}" for number in range(10_000))], ["*=attribute"], "more than 200 columns"),
        (["email", "日本"], ["*=attribute"], "cannot name an attribute"),
    ],
)
def test_columns_that_cannot_be_told_apart_are_an_error(heading: list[str], mapped: list[str], what: str) -> None:
    with pytest.raises(InputError, match=re.escape(what)):
        find_columns([heading], parse_mapped(mapped))


@pytest.mark.parametrize("line", ["email", "=address", "a=adress", "*=address", "a=attribute:", "a=attribute:1"])
def test_what_maps_no_column_is_refused(line: str) -> None:
    with pytest.raises(InputError):
        parse_mapped([line])
    with pytest.raises(InputError, match="mapped twice"):
        parse_mapped(["a=name", "a=zone"])


def test_ten_thousand_columns_are_read() -> None:
    columns, _ = find_columns([[f"c{number}" for number in range(10_000)] + ["email"]])
    assert columns.address == 10_000
