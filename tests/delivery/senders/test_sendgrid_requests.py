import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.senders.sendgrid import requests
from newsletter.errors import InputError
from newsletter.rehearsal.sendgrid import contract


def ready(make, addresses, **kwargs):
    return [requests.addressed(at, make.handed(address, delivery=at, **kwargs)) for at, address in enumerate(addresses)]


def test_a_request_is_what_the_provider_takes(make):
    (group,) = requests.grouped(ready(make, ["ada@readers.example", "jo@readers.example"]))
    body = requests.body(group)
    assert contract.parse(json.dumps(body).encode()) == body
    assert body["from"] == {"email": "news@ledger.example", "name": "The Ledger"}
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    assert {name: setting["enable"] for name, setting in body["tracking_settings"].items()} == dict.fromkeys(
        ("click_tracking", "open_tracking", "subscription_tracking", "ganalytics"), False
    )
    assert "send_at" not in json.dumps(body)
    first = body["personalizations"][0]
    assert first["custom_args"] == {"mailing": "7", "delivery": "0", "attempt": "12.1"}
    assert first["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert first["to"] == [{"email": "ada@readers.example", "name": "Ada"}]


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("Ada", "Ada"),
        ("Lin, Ada", '"Lin, Ada"'),
        ('Ada; "Countess"', "\"Ada; 'Countess'\""),
        ("Zoë 李", "Zoë 李"),
        ("Doe, J\\", '"Doe, J/"'),
    ],
)
def test_names_with_commas_are_quoted(make, name, wire):
    (one,) = ready(make, ["ada@readers.example"], name=name)
    assert one.personalization["to"][0]["name"] == wire


def test_no_name_is_no_empty_name(make):
    (one,) = ready(make, ["ada@readers.example"], name="")
    assert one.personalization["to"] == [{"email": "ada@readers.example"}]


def test_values_over_the_limit_are_refused(make):
    with pytest.raises(InputError, match="over 10,000 bytes"):
        ready(make, ["ada@readers.example"], name="李" * 1700)


@pytest.mark.parametrize("names", [["a"] * 2, [str(number) for number in range(11)], ["x" * 256]])
def test_categories_over_the_limits_are_refused(names):
    with pytest.raises(InputError, match="categories"):
        requests.categories(names)


@given(
    numbers=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    kinds=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_groups_hold_everybody_once_no_address_twice_and_one_body(make, numbers, kinds):
    other = replace(make.body, subject="Another")
    handed = [
        make.handed(f"r{number}@readers.example", delivery=at, body=other if kinds[at] else make.body)
        for at, number in enumerate(numbers)
    ]
    groups = requests.grouped(requests.addressed(at, one) for at, one in enumerate(handed))
    assert sorted(one.at for group in groups for one in group) == list(range(len(numbers)))
    for group in groups:
        assert len({one.key for one in group}) == len(group)
        assert len({id(one.body) for one in group}) == 1
    most = max(
        sum(1 for at, each in enumerate(numbers) if each == number and kinds[at] == kind)
        for number in set(numbers)
        for kind in (True, False)
    )
    assert len(groups) <= 2 * most


def test_more_than_a_thousand_take_two_requests(make):
    groups = requests.grouped(ready(make, [f"r{number}@readers.example" for number in range(1001)]))
    assert [len(group) for group in groups] == [1000, 1]
