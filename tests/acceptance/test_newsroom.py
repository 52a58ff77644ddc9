"""A newsroom's days: from `init` to the report, with the local inbox as a process; and a send that is killed half-way."""

import csv
import json
import signal
import urllib.request
from collections import Counter

import pytest

from newsletter.clock import system_clock
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults

SAMPLES = sorted(issue.name for issue in (defaults() / "issues").iterdir() if issue.is_dir())
FERRY = next(name for name in SAMPLES if "ferry" in name)
ROUNDUP = defaults() / "issues" / FERRY / "roundup.txt"
READERS, CONNECTIONS = 400, 8


@pytest.fixture
def inbox_process(newsletter, lay_newsroom, free_port, tmp_path):
    """A newsroom with its inbox running beside it, and the inbox's URL."""
    folder = lay_newsroom(tmp_path / "harbour", port=free_port())
    process = newsletter.start("inbox", "--port", "0", cwd=folder)
    address = process.stdout.readline().split()[-1]
    yield folder, address
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, ""), errors


def page(address):
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own loopback
        return answer.read().decode()


def test_a_first_day_from_the_file_to_the_report(newsletter, inbox_process):
    folder, address = inbox_process

    def run(*words, **options):
        return newsletter.run(*words, cwd=folder, **options)

    (folder / "readers.csv").write_text("email,name\nann@reader.example,Ann\nbob@reader.example,Bob\nbad,\n")
    (folder / "today.txt").write_bytes(ROUNDUP.read_bytes())
    imported = json.loads(run("subscriber", "import", "readers.csv", "--list", "daily", "--yes", "--json"))
    assert (imported["added"], imported["rejected"]) == (2, 1)
    slug = run("issue", "new", "today.txt", "--title", "Should the ferry come back?", "--date", "2026-12-01").strip()
    assert slug == "2026-12-01-should-the-ferry-come-back"
    run("send", slug, "--list", "daily", "--yes", code=1)  # nobody has decided the sides
    assert json.loads(run("issue", "side", slug, "--suggested", "--json"))["undecided"] == []
    digest = run("issue", "render", slug, "--out", "out").strip()
    planned = json.loads(run("send", slug, "--list", "daily", "--dry-run", "--json"))
    assert (planned["edition"], planned["prepared"]) == (digest, 2)
    assert "Inbox (0)" in page(address)
    sent = json.loads(run("send", slug, "--list", "daily", "--yes", "--json"))
    assert (sent["edition"], sent["accepted"], sent["finished"], sent["balanced"]) == (digest, 2, True, True)
    shown = page(address)
    assert "Inbox (2)" in shown
    assert "ann@reader.example" in shown
    assert "Should the ferry come back?" in shown
    assert json.loads(run("report", str(sent["mailing"]), "--json")) == sent
    assert "2 prepared = 2 accepted" in run("report", str(sent["mailing"]))
    run("send", slug, "--list", "daily", "--yes", code=1)  # once a day and no more
    assert "Inbox (2)" in page(address)
    exported = list(csv.DictReader(run("subscriber", "export", "--list", "daily").splitlines()))
    assert [row["email"] for row in exported] == ["ann@reader.example", "bob@reader.example"]


def test_the_sample_issues_are_sent_as_they_are(newsletter, lay_newsroom, tmp_path):
    assert len(SAMPLES) == 3
    with Inbox(port=0) as inbox:
        folder = lay_newsroom(tmp_path / "harbour", port=inbox.port)
        person = ("subscriber", "add", "ann@reader.example", "--list", "daily", "--confirmed", "--consent", "said yes")
        newsletter.run(*person, cwd=folder)
        for number, slug in enumerate(SAMPLES, start=1):
            sent = json.loads(newsletter.run("send", slug, "--list", "daily", "--yes", "--json", cwd=folder))
            assert (sent["accepted"], sent["finished"], inbox.mailbox.count()) == (1, True, number)


def test_a_send_killed_half_way_and_repeated_loses_nobody(newsletter, lay_newsroom, wait_until, tmp_path):
    """Judged by the inbox and not by the ledger: the unknown are at most what was in the air."""
    with Inbox(port=0, clock=system_clock) as inbox:
        folder = lay_newsroom(tmp_path / "harbour", port=inbox.port, connections=CONNECTIONS)
        addresses = [f"reader{number:03}@reader.example" for number in range(READERS)]
        (folder / "readers.csv").write_text("email\n" + "\n".join(addresses) + "\n")
        newsletter.run("subscriber", "import", "readers.csv", "--list", "daily", "--yes", cwd=folder)
        first = newsletter.start("send", FERRY, "--list", "daily", "--yes", cwd=folder)
        wait_until(lambda: inbox.mailbox.count() >= READERS // 4)
        first.kill()
        first.communicate()
        killed_at = inbox.mailbox.count()
        assert killed_at < READERS, "it was done before it could be killed"
        plan = json.loads(newsletter.run("send", FERRY, "--list", "daily", "--dry-run", "--json", cwd=folder))
        assert plan["goes_on_with"] == 1
        assert killed_at - CONNECTIONS <= plan["done"] <= killed_at
        answer = json.loads(newsletter.run("send", FERRY, "--list", "daily", "--yes", "--json", cwd=folder))
        arrived = Counter(address for message in inbox.mailbox for address in message.rcpt_tos)
    unknown = answer["unknown"]
    assert answer["finished"]
    assert answer["prepared"] == READERS == answer["accepted"] + unknown
    assert unknown <= CONNECTIONS
    assert max(arrived.values()) == 1
    assert READERS - unknown <= len(arrived) <= READERS
