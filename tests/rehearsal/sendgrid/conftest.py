from __future__ import annotations

import copy
import json
import time

import httpx
import pytest

GOOD = {
    "personalizations": [
        {
            "to": [{"email": "ada@readers.example", "name": "Ada Lin"}],
            "headers": {"List-Unsubscribe": "<https://news.example/leave/x>"},
            "substitutions": {"subhtmlname": "&lt;Ada&gt;", "subtextname": "<Ada>"},
            "custom_args": {"mailing": "7", "delivery": "1", "attempt": "12.1"},
        },
        {"to": [{"email": "jo@readers.example"}], "custom_args": {"mailing": "7", "delivery": "2", "attempt": "12.1"}},
    ],
    "from": {"email": "news@ledger.example", "name": "The Ledger"},
    "reply_to": {"email": "desk@ledger.example"},
    "subject": "Ferries — free?",
    "content": [
        {"type": "text/plain", "value": "Hello subtextname"},
        {"type": "text/html", "value": "<p>Hello subhtmlname</p>"},
    ],
    "categories": ["daily"],
    "tracking_settings": {"click_tracking": {"enable": False, "enable_text": False}},
}


@pytest.fixture
def request_body():
    return copy.deepcopy(GOOD)


@pytest.fixture
def post():
    """Posts a request to a provider, with the right key."""

    def post(provider, body, **headers) -> httpx.Response:
        given = {"Authorization": "Bearer SG.rehearsal", "Content-Type": "application/json", **headers}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{provider.url}/v3/mail/send", content=data, headers=given, timeout=5, trust_env=False)

    return post


@pytest.fixture
def eventually():
    def eventually(condition, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.02)

    return eventually
