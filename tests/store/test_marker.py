import json
import os
import stat

import pytest

from newsletter.store.marker import Marker


@pytest.fixture
def marker(tmp_path):
    return Marker(path=tmp_path / "database.seen")


def test_it_remembers_how_far_each_database_has_come_and_never_less(marker):
    assert marker.read() == {}
    marker.write("a", 3)
    marker.write("b", 1)
    marker.write("a", 2)
    assert marker.read() == {"a": 3, "b": 1}
    assert [path.name for path in marker.path.parent.iterdir()] == ["database.seen"]


def test_it_forgets_databases_of_long_ago_and_never_the_present_one(marker):
    for number in range(40):
        marker.write(f"d{number}", number)
        marker.write("present", number)
    known = marker.read()
    assert len(known) <= 16
    assert {"present", "d39"} <= known.keys()


@pytest.mark.parametrize(
    "bytes_of", [b"", b"\xff\xfe", b"[1, 2]", b'{"a": "x", "b": true, "c": null}', b'{"a": 1', b"9" * 9_999]
)
def test_what_cannot_be_read_tells_nothing_and_is_written_anew(marker, bytes_of):
    marker.path.write_bytes(bytes_of)
    assert marker.read() == {}
    marker.write("a", 1)
    assert json.loads(marker.path.read_bytes()) == {"a": 1}


def test_where_it_cannot_be_written_what_was_there_stays(marker, tmp_path):
    marker.write("a", 1)
    gone = Marker(path=tmp_path / "nowhere" / "database.seen")
    with pytest.raises(FileNotFoundError):
        gone.write("a", 2)
    assert marker.read() == {"a": 1}


def test_it_holds_nothing_secret_and_follows_the_users_mask(marker):
    before = os.umask(0o077)
    try:
        marker.write("a", 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(marker.path.stat().st_mode) == 0o600
