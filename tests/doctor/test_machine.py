"""Clock, zones, disk and sender: each fault has its finding."""

import os
import shutil
import socket
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from newsletter import store
from newsletter.doctor import Fine, clocks, disk, sending
from newsletter.doctor.filesystems import Room, kind_of_disk, room_at
from newsletter.findings import Severity
from newsletter.store import audit, tables

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
GB = 1_000_000_000


def codes(said):
    return [each.finding.code for each in said if not isinstance(each, Fine)]


@pytest.fixture
def with_file(room, sqlite_template):
    shutil.copy(sqlite_template, room.settings.database)
    return room


def write(room, step):
    with closing(store.open(store.sqlite_url(room.settings.database))) as opened, opened.writing() as connection:
        step(connection)


@pytest.mark.parametrize(("synchronised", "expected"), [(True, []), (False, ["CLOCK-UNSYNCHRONISED"]), (None, [])])
def test_the_kernel_s_word_on_its_clock_counts(synchronised, expected):
    assert codes(clocks.judged(synchronised)) == expected


def test_the_kernel_is_asked_and_nothing_is_changed():
    assert clocks.is_synchronised() in {True, False, None}


@pytest.mark.parametrize(
    ("used", "packaged", "expected"),
    [
        ("2026b", "2026b", []),
        ("2026c", "2026b", []),
        ("2026a", "2026b", ["CLOCK-ZONES-OLD"]),
        ("2024b", None, ["CLOCK-ZONES-OLD"]),
        (None, "2026b", []),
        ("unknown", "2026b", []),
    ],
)
def test_old_rules_of_zones_are_told(used, packaged, expected):
    assert codes(clocks.rules_of(used, packaged, NOW)) == expected


def test_the_rules_version_is_read_from_where_python_looks(tmp_path):
    (tmp_path / "tzdata.zi").write_text("# version 2025b\n# rest\n", encoding="ascii")
    assert clocks.zone_rules((str(tmp_path),)) == "2025b"
    (tmp_path / "tzdata.zi").unlink()
    (tmp_path / "UTC").write_bytes(b"TZif2")
    assert clocks.zone_rules((str(tmp_path),)) is None
    (tmp_path / "UTC").unlink()
    assert clocks.zone_rules((str(tmp_path),)) == clocks.packaged_rules()


def test_a_reader_s_zone_that_nobody_knows_is_told(with_file):
    row = {"address": "ann@reader.example", "address_key": "ann@reader.example", "domain": "reader.example"}
    zone = {"zone": "Europe/Atlantis", "created_at": NOW}
    write(with_file, lambda connection: connection.execute(insert(tables.subscriber).values(**row, **zone)))
    said = list(clocks.look(with_file.installation()))
    assert "CLOCK-ZONE-UNKNOWN" in codes(said)
    assert "Atlantis" in str(said)
    assert "ann@" not in str(said)


def test_a_clock_that_was_set_back_is_told(with_file):
    later = NOW + timedelta(hours=1)
    write(with_file, lambda connection: audit.note(connection, "x", "y:1", {}, actor="ada", at=later))
    with_file.more["clock"] = lambda: NOW
    assert "CLOCK-BACKWARDS" in codes(clocks.look(with_file.installation()))
    with_file.more["clock"] = lambda: later
    assert "CLOCK-BACKWARDS" not in codes(clocks.look(with_file.installation()))


@pytest.mark.parametrize(
    ("free", "files", "expected", "severity"),
    [
        (50 * GB, 1000, [], None),
        (5 * GB, 1000, ["DISK-FULL"], Severity.WARNING),
        (GB, 1000, ["DISK-FULL"], Severity.ERROR),
        (50 * GB, 10, ["DISK-INODES"], Severity.WARNING),
    ],
)
def test_room_is_measured_by_the_largest_list(free, files, expected, severity, tmp_path):
    room = Room(free_bytes=free, free_files=files, files=1000, read_only=False)
    said = list(disk.judged(room, tmp_path, 1_000_000 * disk.BYTES_A_DELIVERY, 1_000_000))
    assert codes(said) == expected
    assert [each.finding.severity for each in said if not isinstance(each, Fine)] == ([severity] if severity else [])


def test_a_disk_that_only_reads_is_told(tmp_path):
    room = Room(free_bytes=GB, free_files=0, files=0, read_only=True)
    assert codes(disk.judged(room, tmp_path, 0, 0)) == ["DISK-READ-ONLY"]


def test_the_room_of_a_folder_to_come_is_that_of_its_disk(tmp_path):
    room = room_at(tmp_path / "not" / "yet")
    assert room.free_bytes > 0
    assert not room.read_only


def test_the_disk_of_a_newsroom_is_looked_at(with_file):
    said = list(disk.look(with_file.installation()))
    assert [str(with_file.settings.data) in str(each) for each in said] == [True]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/news room/data", "nfs4"), ("/srv/news/data", "ext4"), ("/", "ext4"), ("/far/x/y", "fuse.sshfs")],
)
def test_the_kind_of_disk_is_that_of_the_nearest_mount(path, kind, tmp_path):
    from pathlib import Path  # noqa: PLC0415

    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\nnas:/n /srv/news\\040room nfs4 rw 0 0\nh: /far fuse.sshfs rw 0 0\nodd line\n",
        encoding="ascii",
    )
    assert kind_of_disk(Path(path), mounts) == kind
    assert kind_of_disk(Path(path), tmp_path / "none") == ""


@pytest.fixture
def mail_server():
    """Greets and takes leave."""
    yield from serving_mail(b"220 here\r\n")


@pytest.fixture
def refusing_mail_server():
    """Is there, and for others."""
    yield from serving_mail(b"554 not for you\r\n")


def serving_mail(greeting):
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with suppress(OSError), connection, connection.makefile("rwb") as lines:
                lines.write(greeting)
                lines.flush()
                for line in lines:
                    lines.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")
                    lines.flush()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_a_server_that_takes_mail_is_fine(mail_server, room):
    room.change("sender", port=mail_server)
    (said,) = sending.look(room.installation())
    assert said.text == f"127.0.0.1:{mail_server} takes mail without encryption"


def test_a_server_that_does_not_answer_is_told(room):
    (said,) = sending.look(room.installation())
    assert said.finding.code == "SENDER-REFUSES"
    assert said.where == f"127.0.0.1:{room.tables['sender']['port']}"


def test_a_server_of_this_machine_that_refuses_us_is_not_to_be_started(refusing_mail_server, room):
    room.change("sender", port=refusing_mail_server)
    (said,) = sending.look(room.installation())
    assert "554 not for you" in str(said)
    assert "Start the mail server" not in str(said)


def test_a_missing_password_is_told(room):
    room.change("sender", username="harbour")
    (said,) = sending.look(room.installation())
    assert said.finding.code == "SENDER-UNUSABLE"


def test_a_way_without_encryption_is_told_before_anything_is_sent_over_it(room):
    room.change("sender", host="smtp.relay.fish", username="harbour")
    room.secrets["NEWSLETTER_SMTP_PASSWORD"] = "geheim"
    said = list(sending.look(room.installation()))
    assert codes(said) == ["SENDER-UNENCRYPTED", "SENDER-UNUSABLE"]
    assert "geheim" not in str(said)


def test_the_folder_of_the_inbox_takes_mail(room):
    room.change("sender", kind="inbox", dkim_domain="", dkim_selector="")
    room.secrets.clear()
    (said,) = sending.look(room.installation())
    assert said.text == "the folder data/mail takes mail"
    assert os.access(room.settings.data, os.W_OK)
