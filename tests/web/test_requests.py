from __future__ import annotations

import gzip
import socket
import threading
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from newsletter.web.app import create_app
from newsletter.web.guards import BodyLimit, FewWrites
from newsletter.web.requests import HEADER, RequestIds
from newsletter.web.serving import Server

if TYPE_CHECKING:
    from conftest import Ask, Room

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def test_each_request_has_a_number_of_its_own(web: httpx.Client) -> None:
    numbers = {web.get("/", headers={HEADER: "mine"}).headers[HEADER] for _ in range(3)}
    assert len(numbers) == 3
    assert all(len(number) == 16 for number in numbers)


def test_what_breaks_is_told_by_its_number_and_place_and_by_nothing_that_was_typed(
    room: Room, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    app = create_app(room.app)

    @app.get("/broken/{token}")
    def broken(token: str) -> None:
        raise RuntimeError(f"ada@example.org typed {token}")

    with ask(app) as web:
        answer = web.get("/broken/secret-token?q=ada@example.org", headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 500
    number = answer.headers[HEADER]
    assert number in answer.text
    assert "Not just now" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    logged = capsys.readouterr().err
    assert number in logged
    assert "RuntimeError" in logged
    assert "/broken/{token}" in logged
    for secret in ("ada@", "secret-token", "203.0.113", "127.0.0.1"):
        assert secret not in logged
        assert secret not in answer.text


def test_what_breaks_half_way_is_cut_and_not_ended_as_if_it_were_whole() -> None:
    async def halfway(_scope: object, _receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        raise RuntimeError

    async def run() -> None:
        said: list[object] = []

        async def send(message: object) -> None:
            said.append(message)

        guarded = RequestIds(halfway, answer=lambda *_: PlainTextResponse(""))  # type: ignore[arg-type]
        with pytest.raises(RuntimeError):
            await guarded({"type": "http", "method": "GET"}, None, send)  # type: ignore[arg-type]
        assert len(said) == 1

    anyio.run(run)


def test_a_database_in_use_is_503_soon_and_the_pages_that_only_read_go_on(room: Room, web: httpx.Client) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with room.app.store.writing():
            held.set()
            done.wait(30)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        assert held.wait(10)
        for path, data in (
            ("/join", {"email": "bo@example.org", "list": "daily"}),
            (f"/preferences/{room.leave}", {"action": "link"}),
        ):
            answer = web.post(path, data=data)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "nothing was changed" in answer.text
        assert web.get("/").status_code == 200
        assert web.get(f"/preferences/{room.leave}").status_code == 200
    finally:
        done.set()
        holding.join()


def test_one_click_outlasts_another_writer_for_a_provider_may_not_come_back(room: Room, web: httpx.Client) -> None:
    held = threading.Event()

    def hold() -> None:
        with room.app.store.writing():
            held.set()
            threading.Event().wait(1.5)

    holding = threading.Thread(target=hold)
    holding.start()
    assert held.wait(10)
    assert web.post(f"/leave/{room.leave}", data=ONE_CLICK).status_code == 200
    holding.join()
    assert room.statuses()[room.daily] == "unsubscribed"


def test_only_so_many_wait_to_write_at_a_time() -> None:
    app = FastAPI()
    entered, leave = anyio.Event(), anyio.Event()

    @app.api_route("/", methods=["GET", "POST"])
    async def slow() -> str:
        entered.set()
        await leave.wait()
        return "done"

    @app.get("/read")
    async def read() -> str:
        return "read"

    app.add_middleware(FewWrites, most=1, answer=lambda _, status, headers: PlainTextResponse("later", status, headers))

    async def run() -> None:
        async with (
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as web,
            anyio.create_task_group() as group,
        ):
            group.start_soon(web.post, "/")
            await entered.wait()
            refused = await web.post("/")
            assert (refused.status_code, refused.headers["retry-after"], refused.text) == (503, "2", "later")
            assert (await web.get("/read")).status_code == 200
            leave.set()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as web:
            assert (await web.post("/")).status_code == 200

    anyio.run(run)


def test_a_form_that_arrives_in_drops_is_not_waited_for() -> None:
    app = FastAPI()

    @app.post("/")
    async def whole(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(BodyLimit, seconds=0.3)
    begun = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nemail"
    with Server(app) as server:
        with socket.create_connection((server.host, server.port), 20) as slow:
            slow.sendall(begun)
            assert b"".join(iter(lambda: slow.recv(1000), b"")).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection((server.host, server.port), 20) as quick:
            quick.sendall(begun)
            quick.sendall(b"=")
            assert quick.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_forms_of_other_sites_are_refused_but_not_one_click(room: Room, web: httpx.Client) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for path, data in (
        ("/join", {"email": "bo@example.org", "list": "daily"}),
        (f"/preferences/{room.leave}", {"action": "leave", "list": "daily"}),
        (f"/leave/{room.leave}/undo", {}),
        ("/manage", {"email": "ada@example.org"}),
    ):
        assert web.post(path, data=data, headers=elsewhere).status_code == 403
    assert "Nothing was changed: this came from another web site." in web.post("/join", headers=elsewhere).text
    assert "Es wurde nichts geändert" in web.post("/join", headers={**elsewhere, "Accept-Language": "de"}).text
    assert room.audited() == []
    assert room.post_of_the_day() == []
    assert web.post(f"/leave/{room.leave}", data=ONE_CLICK, headers=elsewhere).status_code == 200
    assert room.statuses()[room.daily] == "unsubscribed"


def test_pages_are_packed_for_those_who_take_that(room: Room) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(create_app(room.app))
        request = httpx.Request("GET", "http://localhost/", headers={"Accept-Encoding": "gzip"})
        answer = await transport.handle_async_request(request)
        raw = b"".join([piece async for piece in answer.stream])  # type: ignore[union-attr]
        assert answer.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["vary"]
        assert b"</html>" in gzip.decompress(raw)

    anyio.run(run)
