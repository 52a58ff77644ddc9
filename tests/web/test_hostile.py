"""Whatever is sent to whatever page: no fault of ours, nothing said back, nobody's address, and nothing changed.

`NEWSLETTER_HOSTILE_INPUTS=10000` for a long look.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from newsletter.store.tables import mailing
from newsletter.tokens import Purpose
from newsletter.web.app import create_app

if TYPE_CHECKING:
    from conftest import Room

INPUTS = int(os.environ.get("NEWSLETTER_HOSTILE_INPUTS", "300"))
MARK = "zq7xv"
PATHS = (
    "/",
    "/archive",
    "/archive/{}",
    "/feed.xml",
    "/feed.atom",
    "/feed.json",
    "/robots.txt",
    "/healthz",
    "/join",
    "/joined",
    "/confirm/{}",
    "/leave/{}",
    "/leave/{}/undo",
    "/leave/{}/reason",
    "/preferences/{}",
    "/manage",
    "/manage/asked",
    "/manage/{}",
    "/manage/{}/address",
    "/manage/{}/export",
    "/manage/{}/erase",
    "/address/{}",
    "/view/{}",
    "/assets/{}",
    "/hooks/sendgrid",
    "/{}",
)
FIELDS = (
    "email",
    "list",
    "action",
    "reason",
    "weeks",
    "zone",
    "hour",
    "language",
    "sure",
    "q",
    "page",
    "done",
    "chosen",
)
FIELDS += ("List-Unsubscribe", "topic_url", "saved")
HEADERS = (
    "accept-language",
    "origin",
    "host",
    "x-forwarded-for",
    "cookie",
    "if-none-match",
    "if-modified-since",
    "referer",
)
HEADERS += (
    "content-type",
    "sec-fetch-site",
    "x-request-id",
    "accept-encoding",
    "range",
    "content-length",
    "transfer-encoding",
)

BITS = st.sampled_from(
    [
        f"<script>{MARK}</script>",
        f"\"'><img src={MARK}>",
        f"{MARK}\r\nSet-Cookie: {MARK}=1",
        f"{{{{{MARK}}}}}",
        f"{{% {MARK} %}}",
        f"%({MARK})s",
        f"' OR 1=1 -- {MARK}",
        f"../../../{MARK}",
        f"javascript:{MARK}",
        "\x00",
        "\ud800",
        "\u202e",
        "ada@example.org",
        "bo@example.org",
        "daily",
        "leave",
        "rejoin",
        "pause",
        "choose",
        "link",
        "yes",
        "1",
        "-1",
        "99999999999999999999",
        "One-Click",
        "de-DE;q=0.9",
    ]
)
WORDS = st.lists(st.one_of(BITS, st.text(max_size=20)), max_size=4).map("".join)


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: bytes
    body: bytes


class Asker:
    """Asks the application as a server would, byte by byte, in one event loop."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def ask(self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
        return self._loop.run_until_complete(self._ask(method, path, query, headers, body))

    async def _ask(self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
        said: list[MutableMapping[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path.encode("utf-8", "replace").decode(),
            "raw_path": quote(path, errors="replace").encode(),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
        }
        await self._app(scope, receive, send)
        start = said[0]
        joined = b"\n".join(name + b": " + value for name, value in start["headers"])
        return Answer(
            status=start["status"], headers=joined, body=b"".join(message.get("body", b"") for message in said[1:])
        )


@dataclass(frozen=True, kw_only=True)
class Target:
    room: Room
    asker: Asker
    before: dict[str, list[Any]]

    def tokens(self) -> list[str]:
        """Such that open something, each a letter off, and such as stand elsewhere."""
        keys, until = self.room.app.keys, self.room.app.clock().replace(year=2027)
        fresh = [
            keys.fresh(purpose, self.room.reader, self.room.daily, address_key="ada@example.org", until=until)
            for purpose in Purpose
        ]
        whole = [self.room.leave, self.room.track, *fresh]
        return [
            *(token[:-1] + ("B" if token[-1] == "A" else "A") for token in whole),
            *(f"x{token}" for token in whole),
        ]


@pytest.fixture
def target(room: Room) -> Iterator[Target]:
    with room.app.store.writing() as connection:
        connection.execute(update(mailing).values(started_at=room.app.clock(), status="sending"))
    asker = Asker(create_app(room.app))
    yield Target(room=room, asker=asker, before=settled(room))
    asker.close()


def settled(room: Room) -> dict[str, list[Any]]:
    """All tables but those of what anybody may ask for: a mail that is still to be answered, and how often."""
    return {name: rows for name, rows in room.dump().items() if name not in {"notice", "rate"}}


@settings(max_examples=INPUTS, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_hostile_requests_break_nothing_say_nothing_and_change_nothing(target: Target, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(PATHS)).format(data.draw(st.one_of(WORDS, st.sampled_from(target.tokens()))))
    fields = data.draw(st.dictionaries(st.one_of(st.sampled_from(FIELDS), WORDS), WORDS, max_size=4))
    clean = {name.encode("utf-8", "replace"): value.encode("utf-8", "replace") for name, value in fields.items()}
    form = data.draw(st.one_of(st.just(urlencode(clean).encode()), st.binary(max_size=60)))
    headers = [
        (name.encode(), value.encode("latin-1", "replace"))
        for name, value in data.draw(st.dictionaries(st.sampled_from(HEADERS), WORDS, max_size=3)).items()
    ]
    kind = data.draw(
        st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/html"])
    )
    headers.append((b"content-type", kind.encode()))
    method = data.draw(st.sampled_from(["GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "X"]))
    answer = target.asker.ask(method, path, urlencode(clean), headers, form)
    assert answer.status < 500 or answer.status == 501
    assert b"ada@example.org" not in answer.headers + answer.body
    assert MARK.encode() not in answer.headers
    assert b"set-cookie" not in answer.headers.lower()
    shown = answer.body.decode("utf-8", "replace")
    if path == "/archive":
        assert f"<script>{MARK}" not in shown
        assert f"<img src={MARK}" not in shown
        assert f'="{MARK}' not in shown.replace(f'value="{MARK}', "")
    else:
        assert MARK not in shown
    for line in answer.headers.split(b"\n"):
        assert b": " in line
    assert settled(target.room) == target.before
