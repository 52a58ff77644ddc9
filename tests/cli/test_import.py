"""`newsletter subscriber`: files with faults in them, and names that mean harm, through to the message in the inbox."""

import csv
import email.policy
import io
import json
import sqlite3

import pytest

from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
FAULTY = (
    b"email,name\r\n"
    b"ann@reader.example,Ann\r\n"
    b"no address,Bob\r\n"
    b",Nobody\r\n"
    b'dee@reader.example,"Dee\r\nOf Two Lines"\r\n'
    b"ANN@reader.example,Ann again\r\n"
    b"eve@reader.example,Eve,one,too,many\r\n"
)
IMPORT = ("subscriber", "import", "readers.csv", "--list", "daily")


def numbers(answer):
    assert answer.code == 0, answer
    return json.loads(answer.out)


def test_bad_rows_are_told_by_number_and_kept_and_good_ones_taken(newsroom):
    newsroom.put("readers.csv", FAULTY)
    answer = newsroom.run(*IMPORT, "--consent", "signed up at the fair")
    assert answer.code == 0, answer
    assert "row 2, line 3: no valid address" in answer.err
    assert "row 3, line 4: the address is empty" in answer.err
    rejects = list(csv.DictReader(io.StringIO((newsroom.root / "readers.rejects.csv").read_text("utf-8-sig"))))
    assert [(row["row"], row["line"], row["email"]) for row in rejects][:2] == [
        ("2", "3", "no address"),
        ("3", "4", ""),
    ]
    exported = newsroom.run("subscriber", "export", "--list", "daily").out
    names = {row["email"]: row["name"] for row in csv.DictReader(io.StringIO(exported))}
    assert names["ann@reader.example"] == "Ann"
    assert names["dee@reader.example"] == "Dee Of Two Lines"
    assert all(row["consent"] == "signed up at the fair" for row in csv.DictReader(io.StringIO(exported)))


def test_the_same_file_again_adds_nobody(with_readers):
    again = numbers(with_readers.run(*IMPORT, "--yes", "--json"))
    assert (again["rows"], again["added"], again["already"], again["rejects"]) == (3, 0, 3, None)


def test_a_dry_run_writes_nothing(with_readers):
    with_readers.put("readers.csv", FAULTY)
    found = numbers(with_readers.run(*IMPORT, "--dry-run", "--json"))
    assert (found["rows"], found["dry_run"], found["rejects"]) == (6, True, None)
    assert not (with_readers.root / "readers.rejects.csv").exists()
    (counted,) = numbers(with_readers.run("list", "show", "--json"))
    assert counted["subscribed"] == 3


def test_without_a_heading_the_column_with_the_addresses_is_found(newsroom):
    newsroom.put("readers.csv", "Ann,ann@reader.example\nBob,bob@reader.example\n")
    found = numbers(newsroom.run(*IMPORT, "--yes", "--json"))
    assert (found["added"], found["columns"]["address"]) == (2, "column 2")


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_what_another_program_saved_is_read_and_the_encoding_told(newsroom, encoding):
    newsroom.put("readers.csv", "email,name\nrene@reader.example,René\n".encode(encoding))
    found = numbers(newsroom.run(*IMPORT, "--yes", "--json"))
    assert (found["added"], found["encoding"]) == (1, encoding)
    assert "René" in newsroom.run("subscriber", "show", "rene@reader.example").out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"name,phone\nAnn,1\n", "no column holds addresses"),
        (b'[{"email": "ann@reader.example"}]', "readers.csv: error: is one JSON array"),
        (bytes(range(256)), "NUL"),
        (b"email,name\n" + b"a" * 3_000_000 + b"\n", "readers.csv"),
    ],
    ids=["empty", "no addresses", "one JSON array", "binary", "endless line"],
)
def test_a_file_that_is_no_list_of_readers_is_refused(with_readers, content, says):
    with_readers.put("readers.csv", content)
    with_readers.run(*IMPORT, "--yes").refuses("readers.csv", says)
    assert not (with_readers.root / "readers.rejects.csv").exists()
    (counted,) = numbers(with_readers.run("list", "show", "--json"))
    assert counted["subscribed"] == 3


def test_an_open_quotation_mark_costs_its_own_row_only(newsroom):
    newsroom.put("readers.csv", 'email,name\nann@reader.example,"Ann\nbob@reader.example,Bob\n')
    answer = newsroom.run(*IMPORT, "--yes")
    assert (answer.code, "Added 1 of 2 rows" in answer.out) == (0, True), answer
    assert "row 1, line 2: a quotation mark opens a field and nothing closes it" in answer.err


def test_columns_are_mapped_and_what_is_left_out_is_said(newsroom):
    newsroom.put("readers.csv", "Kontakt;Wer;Land;Notiz\nann@reader.example;Ann;DE;x\n")
    mapped = ("--map", "Kontakt=address", "--map", "Wer=name", "--map", "Land=attribute:country")
    answer = newsroom.run(*IMPORT, "--dry-run", *mapped)
    assert answer.code == 0, answer
    shown = "Columns: Kontakt → address, Wer → name, Land → attribute:country; left out: Notiz."
    assert f"Read as CSV, semicolon between fields, utf-8. {shown}" in answer.err
    assert [line.split() for line in answer.out.splitlines()[:2]] == [
        ["address", "name", "status", "attributes"],
        ["ann@reader.example", "Ann", "subscribed", "country:", "DE"],
    ]
    assert numbers(newsroom.run(*IMPORT, "--yes", *mapped, "--json"))["added"] == 1
    newsroom.run(*IMPORT, "--yes", "--map", "Kontakt=adress").refuses("no column can mean 'adress'", "'address'")
    newsroom.run(*IMPORT, "--yes", "--map", "Mail=address").refuses("readers.csv: error: no column is called 'Mail'")
    newsroom.run(*IMPORT, "--yes", "--encoding", "klingon").refuses("no encoding is called 'klingon'")
    newsroom.run(*IMPORT, "--consent", " ").refuses("--consent is empty")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_gives_another_newsroom_the_same_audience(newsroom, form):
    newsroom.put(
        "readers.csv",
        "email,name,tags,attribute:country,status\n"
        "ann@reader.example,=1+1,vip,DE,ok\nbob@reader.example,,,,unsubscribed\ncy@reader.example,,,,bounced\n",
    )
    assert numbers(newsroom.run(*IMPORT, "--consent", "at the fair", "--json"))["added"] == 1
    exported = newsroom.run("subscriber", "export", "--list", "daily", "--form", form).out
    assert exported.count("@reader.example") == 2
    assert ("'=1+1" in exported) is (form == "csv")
    newsroom.put("out", exported)
    newsroom.change("newsletter.toml", "[lists.daily]", '[lists.other]\ntitle = "Other"\n\n[lists.daily]')
    found = numbers(newsroom.run("subscriber", "import", "out", "--list", "other", "--json"))
    assert (found["added"], found["unsubscribed"], found["rejected"]) == (1, 1, 0)
    again = newsroom.run("subscriber", "export", "--list", "other", "--form", form).out
    assert again == exported


def test_a_missing_file_and_a_folder_are_refused(newsroom):
    newsroom.run("subscriber", "import", "gone.csv", "--list", "daily", "--yes").refuses("gone.csv")
    newsroom.run("subscriber", "import", "issues", "--list", "daily", "--yes").refuses("issues: error: is no regular")


def test_without_consent_and_without_a_terminal_nobody_is_imported(newsroom):
    newsroom.put("readers.csv", FAULTY)
    before = newsroom.tree()
    newsroom.run(*IMPORT).refuses("consent is not stated", "--consent", "--yes")
    assert newsroom.tree() == before


def test_an_unknown_list_names_the_nearest(newsroom):
    newsroom.put("readers.csv", FAULTY)
    newsroom.run(*IMPORT[:-1], "dayly", "--yes").refuses("no list is called 'dayly'", "Did you mean 'daily'?")
    newsroom.run("subscriber", "add", "no address", "--list", "daily").refuses("name@example.org")


def test_rows_that_cannot_be_kept_stop_the_import(with_readers, as_anybody):
    closed = with_readers.root / "closed"
    closed.mkdir(mode=0o500)
    with_readers.put("readers.csv", FAULTY)
    answer = with_readers.run(*IMPORT, "--yes", "--rejects", "closed/rejects.csv", **as_anybody)
    answer.refuses("closed/rejects.csv", "Permission")
    (counted,) = numbers(with_readers.run("list", "show", "--json"))
    assert counted["subscribed"] == 3


LONG = "Ğ" * 200
HOSTILE = {
    "quotes@reader.example": ('"Ann "The Ferry" O\'Dowd"', None),
    "angles@reader.example": ("<b>Bob</b> <bob@evil.example>", None),
    "lines@reader.example": ("Cyd\r\nBcc: all@evil.example", "Cyd Bcc: all@evil.example"),
    "emoji@reader.example": ("👩‍🚀 Dee ⛴️", None),
    "hebrew@reader.example": ("נועה כהן", None),
    "turned@reader.example": ("\u202eeve\u202c", "eve"),
    "encoded@reader.example": ("=?utf-8?q?Fay?=, Fay", None),
    "long@reader.example": (LONG, None),
    "comma@reader.example": ("Gil, Jr.; (x) \\", None),
    "slots@reader.example": ("{{ leave }} %s {name} =0D=0A", None),
}


def test_names_that_mean_harm_stand_in_the_message_as_names_and_nothing_else(newsroom):
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(["email", "name"])
    writer.writerows((address, name) for address, (name, _) in HOSTILE.items())
    newsroom.put("readers.csv", rows.getvalue())
    with Inbox(port=0) as inbox:
        newsroom.change("newsletter.toml", "port = 2525", f"port = {inbox.port}")
        assert numbers(newsroom.run(*IMPORT, "--yes", "--json"))["added"] == len(HOSTILE)
        sent = numbers(newsroom.run("send", FERRY, "--list", "daily", "--yes", "--json"))
        assert sent["accepted"] == len(HOSTILE)
        arrived = {message.rcpt_tos: inbox.mailbox.raw(message) for message in inbox.mailbox}
    assert set(arrived) == {(address,) for address in HOSTILE}
    for address, (name, kept) in HOSTILE.items():
        message = email.message_from_bytes(arrived[address,], policy=email.policy.default)
        to = message["To"]
        assert not message.defects
        assert not to.defects
        assert [one.addr_spec for one in to.addresses] == [address]
        # Python 3.11 keeps the blanks between encoded words, which RFC 2047 section 6.2 tells readers to drop.
        shown = to.addresses[0].display_name.replace(" ", "") if name == LONG else to.addresses[0].display_name
        assert shown == (kept or name)
        assert not {"Bcc", "Cc", "Resent-To"} & set(message)
        assert max(map(len, arrived[address,].split(b"\r\n"))) <= 998


def test_the_database_and_its_keys_are_for_their_owner_alone(with_readers):
    data = with_readers.root / "data"
    assert data.stat().st_mode & 0o077 == 0
    assert (data / "secret.key").stat().st_mode & 0o077 == 0
    assert sqlite3.connect(data / "newsletter.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
