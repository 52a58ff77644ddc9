from __future__ import annotations

import socket
import time

import httpx
import pytest
from fastapi import FastAPI

from newsletter.errors import InputError
from newsletter.web.serving import Server


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def hello() -> str:
        return "hello"

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
