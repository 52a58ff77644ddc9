"""`newsletter doctor` as people run it: what it prints, its exit codes, and that it changes nothing."""

import json
import socketserver
import threading

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from newsletter.rehearsal.inbox import Inbox

DOMAIN = "harbour-letter.fish"
ZONE = {
    (DOMAIN, "MX"): "10 mx.harbour-letter.fish.",
    (DOMAIN, "TXT"): '"v=spf1 mx ~all"',
    ("mx.harbour-letter.fish", "A"): "203.0.113.9",
    ("_dmarc.harbour-letter.fish", "TXT"): '"v=DMARC1; p=reject; rua=mailto:dmarc@harbour-letter.fish"',
    ("letter.harbour-letter.fish", "A"): "203.0.113.10",
}


class Names(socketserver.BaseRequestHandler):
    """Answers from ZONE; every other name does not exist."""

    def handle(self):
        data, ours = self.request
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text().rstrip(".")
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        answer = dns.message.make_response(query)
        if (found := ZONE.get((name, kind))) is not None:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, found))
        elif name and not any(name == known for known, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        ours.sendto(answer.to_wire(), self.client_address)


@pytest.fixture
def nameserver():
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def inbox():
    with Inbox(port=0) as inbox:
        yield inbox


@pytest.fixture
def real(newsroom, inbox):
    """A newsroom that is set up to send for real, through a server that answers."""
    newsroom.change("newsletter.toml", "http://localhost:8025", f"https://letter.{DOMAIN}")
    newsroom.change("newsletter.toml", "newsletter@example.org", f"letter@{DOMAIN}")
    newsroom.change("newsletter.toml", "port = 2525", f"port = {inbox.port}")
    return newsroom


def test_a_newsroom_in_good_order_ends_with_0(real, nameserver):
    answer = real.run("doctor", "--nameserver", nameserver)
    assert (answer.code, answer.err) == (0, ""), answer
    assert f"✓ {DOMAIN} takes mail at mx.{DOMAIN}\n" in answer.out
    assert "! warning: messages are handed over unsigned [DKIM-UNSIGNED]\n" in answer.out
    assert "0 errors" not in answer.out
    assert "\x1b" not in answer.out


def test_errors_end_with_1_and_a_level_can_be_asked_for(real, nameserver):
    assert real.run("doctor", "--nameserver", nameserver, "--fail-level", "warning").code == 1
    real.change("newsletter.toml", f"letter@{DOMAIN}", "letter@gone.fish")
    answer = real.run("doctor", "--nameserver", nameserver)
    assert answer.code == 1
    assert "✗ error: gone.fish, the domain of the From address, does not exist [DNS-NO-DOMAIN]\n" in answer.out


def test_json_has_findings_with_remedies_and_what_is_fine(real, nameserver):
    answer = real.run("doctor", "--nameserver", nameserver, "--json")
    data = json.loads(answer.out)
    assert data["newsroom"]
    assert data["counts"]["error"] == 0
    assert data["counts"]["fine"] == len(data["fine"]) > 5
    unsigned = next(each for each in data["findings"] if each["code"] == "DKIM-UNSIGNED")
    assert unsigned["severity"] == "warning"
    assert unsigned["area"] == "dns"
    assert "dkim_domain" in unsigned["remedy"]


def test_nothing_is_changed_or_made(newsroom):
    before = newsroom.tree()
    newsroom.run("doctor", "--offline")
    assert newsroom.tree() == before


def test_a_database_in_use_is_not_changed(with_readers):
    before = {name: held for name, held in with_readers.tree().items() if not name.endswith(("-wal", "-shm"))}
    answer = with_readers.run("doctor", "--offline")
    after = {name: held for name, held in with_readers.tree().items() if not name.endswith(("-wal", "-shm"))}
    assert "the same as the database knows" in answer.out
    assert after == before


def test_offline_says_what_was_left_out(newsroom):
    answer = newsroom.run("doctor", "--offline")
    assert answer.code == 0
    assert answer.out.count("- left out, as asked for\n") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--nameserver", "ns.fish"), "'ns.fish' is no name server"),
        (("--sends-from", "mail.fish"), "'mail.fish' is no IP address"),
    ],
)
def test_bad_options_end_with_2(options, words, newsroom):
    newsroom.run("doctor", *options).refuses(words)


def test_settings_that_do_not_parse_end_with_2(newsroom):
    newsroom.change("newsletter.toml", "[newsroom]", "[newsrom]")
    newsroom.run("doctor", "--offline").refuses("newsrom")


def test_the_records_to_publish_are_printed_alone(real):
    answer = real.run("doctor", "--records", "--sends-from", "203.0.113.77")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        f'{DOMAIN}. TXT "v=spf1 ip4:203.0.113.77 ~all"',
        f'_dmarc.{DOMAIN}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{DOMAIN}"',
    ]
    records = json.loads(real.run("doctor", "--records", "--json").out)
    assert [record["name"] for record in records] == [DOMAIN, f"_dmarc.{DOMAIN}"]


def test_a_shell_with_another_key_is_told_and_may_not_go_on(with_readers):
    other = {"NEWSLETTER_SECRET_KEY": "another key of a whole lot of bytes"}
    answer = with_readers.run("doctor", "--offline", environ=other)
    assert answer.code == 1
    assert "[KEY-CHANGED]" in answer.out
    with_readers.run("list", "show", environ=other).refuses("secret key", "differs from what the database knows")
    assert with_readers.run("list", "show").code == 0


def test_a_lost_key_can_be_given_up_by_a_person(with_readers):
    other = {"NEWSLETTER_SECRET_KEY": "another key of a whole lot of bytes"}
    with_readers.run("doctor", "--adopt-keys", environ=other).refuses("nobody is there to be asked")
    answer = with_readers.run("doctor", "--adopt-keys", "--yes", environ=other)
    assert (answer.code, answer.err) == (0, "1 adopted.\n")
    assert with_readers.run("list", "show", environ=other).code == 0
    with_readers.run("list", "show").refuses("differs from what the database knows")


def test_every_code_of_the_set_up_is_explained(newsroom):
    answer = newsroom.run("check", "rule", "spf-lookups")
    assert answer.code == 0
    assert "RFC 7208" in answer.out
