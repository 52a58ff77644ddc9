from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from newsletter.errors import InputError
from newsletter.settings import load
from newsletter.web.serving import Server


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def hello() -> str:
        return "hello"

    @app.get("/who")
    def who(request: Request) -> str:
        return f"{request.client.host if request.client else ''} by {request.url.scheme}"

    @app.get("/slow")
    def slow() -> str:
        time.sleep(1.5)
        return "late"

    return app


def test_serves_on_a_free_port_until_the_end_of_the_block() -> None:
    with Server(application()) as server:
        assert server.port
        answer = httpx.get(server.url)
        assert answer.json() == "hello"
        assert "server" not in answer.headers
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_a_busy_port_is_named_with_what_to_do() -> None:
    with Server(application()) as first, pytest.raises(InputError, match=f"port {first.port} is busy.*another port"):
        Server(application(), port=first.port).start()


def test_a_port_that_is_none_is_an_error() -> None:
    with pytest.raises(InputError, match="from 0 to 65535"):
        Server(application(), port=70_000).start()


def test_stops_within_a_second_though_connections_are_open() -> None:
    server = Server(application()).start()
    with httpx.Client() as client, socket.create_connection((server.host, server.port)):
        client.get(server.url)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.5


def test_can_be_started_again_on_the_same_port() -> None:
    with Server(application()) as server:
        port = server.port
    with Server(application(), port=port) as again:
        assert httpx.get(again.url).status_code == 200


SAID = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


def test_only_a_named_proxy_is_believed_about_where_a_request_came_from() -> None:
    with Server(application(), proxies=("127.0.0.0/8",)) as server:
        assert httpx.get(f"{server.url}/who", headers=SAID).json() == "203.0.113.7 by https"
        # What stands before the last one is what the client itself has written.
        forged = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
        assert httpx.get(f"{server.url}/who", headers=forged).json() == "203.0.113.7 by http"
    for proxies in ((), ("10.0.0.5/32",)):
        with Server(application(), proxies=proxies) as server:
            assert httpx.get(f"{server.url}/who", headers=SAID).json() == "127.0.0.1 by http"


def test_what_is_no_network_is_no_proxy(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text('[newsroom]\nname = "X"\n[web]\nproxies = ["10.0.0.5", "nginx"]\n')
    with pytest.raises(InputError, match="'nginx' is no address and no network"):
        load(tmp_path)
    (tmp_path / "newsletter.toml").write_text('[newsroom]\nname = "X"\n[web]\nproxies = ["10.0.0.5"]\n')
    assert load(tmp_path).web.proxies == ("10.0.0.5/32",)
