"""The whole look: what stays whole when a part fails, and that every code is said somewhere."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.checks.set_up import RULES
from newsletter.doctor import Area, Fine, LeftOut, Record
from newsletter.doctor.installation import domain_of
from newsletter.findings import Severity

PACKAGE = Path(__file__).resolve().parents[2] / "newsletter" / "doctor"
CODE = re.compile(r'"([A-Z]+(?:-[A-Z0-9]+)+)"')


def test_offline_asks_neither_sender_nor_dns(room):
    diagnosis = room.examined(offline=True)
    assert [each.area for each in diagnosis.said if isinstance(each, LeftOut)] == [Area.SENDER, Area.DNS]
    assert room.names.asked == []


def test_a_fault_in_one_area_keeps_nobody_from_the_next(room):
    room.settings.database.write_bytes(b"something else entirely")
    diagnosis = room.examined()
    found = {each.finding.code for each in diagnosis.found}
    assert {"DATABASE-UNUSABLE", "SENDER-REFUSES"} <= found
    assert any(isinstance(each, Fine) for each in diagnosis.of(Area.DNS))


def test_the_answer_as_data_adds_up(room):
    diagnosis = room.examined()
    data = diagnosis.as_dict()
    assert sum(data["counts"][each.value] for each in Severity) == len(data["findings"])
    assert data["counts"]["fine"] == len(data["fine"])
    assert all(each["remedy"] and each["area"] for each in data["findings"])
    assert diagnosis.summary().endswith(f"{len(diagnosis.fine)} fine")


def test_every_code_of_the_set_up_is_said_and_every_said_code_is_a_rule():
    said = {code for path in PACKAGE.glob("*.py") for code in CODE.findall(path.read_text(encoding="utf-8"))}
    assert {rule.code for rule in RULES} == said - {"LAW-ADDRESS", "LAW-HTTPS"}


def test_a_record_is_written_as_a_zone_s_line():
    record = Record(name="a.fish", text='say "hi" \\ ' + "x" * 300)
    line = record.as_line()
    assert line.startswith('a.fish. TXT "say \\"hi\\" \\\\ xxx')
    assert line.count('" "') == 1
    assert Record(name="a.fish", type="CNAME", text="b.fish.").as_line() == "a.fish. CNAME b.fish."


def test_tables_in_another_form_are_told_once_and_nothing_breaks(room, sqlite_template):
    shutil.copy(sqlite_template, room.settings.database)
    with closing(sqlite3.connect(room.settings.database)) as connection:
        for statement in (
            "DROP TABLE audit",
            "DROP TABLE subscription",
            "UPDATE alembic_version SET version_num = '99'",
        ):
            connection.execute(statement)
        connection.commit()
    found = [each.finding.code for each in room.examined(offline=True).found]
    assert found.count("DATABASE-FORM") == 1


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("letter@Harbour.Fish", "harbour.fish"),
        ("letter@bücher.fish", "xn--bcher-kva.fish"),
        ("mailto:a@x.fish", "x.fish"),
        ("odd@x..fish", "x..fish"),
    ],
)
def test_domains_are_compared_in_ascii(address, domain):
    assert domain_of(address) == domain
