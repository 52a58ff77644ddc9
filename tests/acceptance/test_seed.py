"""The real roundup file, all the way: its parse as made by hand, one edition on every machine, no word lost."""

import email
import email.policy
import json
import re
from html import unescape

import pytest

pytestmark = pytest.mark.seed

HOSTILE_MACHINES = (
    {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"},
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4711", "COLUMNS": "40"},
)
FILES = ("email.html", "email.txt", "message.eml", "manifest.json")
TAGS = re.compile(r"<!--.*?-->|<(style|title|head)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@pytest.fixture(scope="module")
def parsed(newsletter, seed_file, tmp_path_factory):
    return json.loads(newsletter.run("roundup", "parse", seed_file, "--json", cwd=tmp_path_factory.mktemp("nowhere")))


@pytest.fixture(scope="module")
def editions(newsletter, lay_newsroom, seed_file, tmp_path_factory):
    """The seed as an issue, rendered in two newsrooms, each on a machine of its own kind."""
    found = []
    for number, machine in enumerate(HOSTILE_MACHINES):
        folder = lay_newsroom(tmp_path_factory.mktemp(f"machine{number}") / "harbour")
        new = ("issue", "new", seed_file, "--title", "An agreement between two", "--date", "2024-06-20")
        slug = newsletter.run(*new, cwd=folder, **machine).strip()
        newsletter.run("issue", "side", slug, "--suggested", cwd=folder, **machine)
        digest = newsletter.run("issue", "render", slug, "--out", "out", cwd=folder, **machine).strip()
        found.append((digest, {name: (folder / "out" / name).read_bytes() for name in FILES}))
    return found


def test_the_parse_agrees_with_the_one_made_by_hand(parsed, seed_expected):
    expected = json.loads(seed_expected.read_text(encoding="utf-8"))
    assert [parsed[key] for key in ("title", "date", "furniture")] == [
        expected[key] for key in ("title", "date", "furniture")
    ]
    for found, wanted in zip(parsed["sections"], expected["sections"], strict=True):
        assert [found[key] for key in ("heading", "lean", "summary")] == [
            wanted[key] for key in ("heading", "lean", "summary")
        ]
        for quote, by_hand in zip(found["quotes"], wanted["quotes"], strict=True):
            by_hand["attribution"] = by_hand.pop("attribution_raw")
            assert {key: quote[key] for key in by_hand} == by_hand


def test_every_line_of_the_file_stands_in_the_answer(parsed, seed_file):
    held = json.dumps(parsed, ensure_ascii=False)
    for line in seed_file.read_text(encoding="utf-8").splitlines():
        for part in line.split(".” "):  # an inline source is divided from its quote
            assert json.dumps(part.strip(), ensure_ascii=False)[1:-1] in held


def test_the_last_four_have_suggestions_with_reasons_and_no_decision(parsed):
    last = parsed["sections"][-1]["quotes"]
    assert [quote["lean_suggested"] for quote in last] == ["left", "left", "right", "right"]
    assert [quote["lean"] for quote in last] == [None] * 4
    for quote in last:
        assert quote["outlet"] in quote["lean_reason"]


def test_every_machine_gives_the_same_bytes(editions):
    (digest, files), (other_digest, other_files) = editions
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert digest == other_digest
    assert files == other_files
    assert json.loads(files["manifest.json"])["digest"] == digest


def words(text):
    return re.findall(r"\w+", text)


def test_every_word_of_every_quote_is_in_both_parts_in_order(parsed, editions):
    message = email.message_from_bytes(editions[0][1]["message.eml"], policy=email.policy.default)
    plain = message.get_body(("plain",)).get_content()
    html = unescape(TAGS.sub(" ", message.get_body(("html",)).get_content()))
    for section in parsed["sections"]:
        for quote in section["quotes"]:
            wanted = " ".join(word for paragraph in quote["paragraphs"] for word in words(paragraph))
            assert wanted in " ".join(words(plain))
            assert wanted in " ".join(words(html))
            for name in filter(None, (quote["author"], quote["outlet"])):
                assert name in " ".join(plain.split())
                assert name in " ".join(html.split())


def test_the_message_is_what_receivers_take(editions):
    raw = editions[0][1]["message.eml"]
    message = email.message_from_bytes(raw, policy=email.policy.default)
    for part in message.walk():
        assert not part.defects
        assert not [header.defects for header in part.values() if header.defects]
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    html = message.get_body(("html",)).get_content()
    assert len(re.findall("<!doctype", html, re.IGNORECASE)) == 1
    assert len(html.encode()) < 102_400
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not re.search(r"\{[{%]|undefined|None", html)
