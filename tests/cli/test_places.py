"""Where the command works: folders, the database, ports, the mail server, and what the system refuses."""

import json
import os
import shutil
import socket
import sqlite3
import sys
from contextlib import closing

import pytest

from newsletter.settings import defaults

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
DATABASE = "data/newsletter.db"
SLUGS = ["..", "/etc", "../laid", "a\nb", "\x1b[2J", "x" * 300, "[bold]x[/]", ""]
LIMITED = """
import os, resource, sys
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # Python keeps what it compiled even where it was cut off
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""


def only_so_much(size):
    """Options for `run`: no file grows over `size` bytes, as on a disk that is full."""
    return {"through": (sys.executable, "-c", LIMITED, str(size))}


@pytest.fixture
def busy_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.fixture
def dead_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def subscribed(newsroom):
    (found,) = json.loads(newsroom.run("list", "show", "--json").out)
    return found["subscribed"]


# --- Folders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("list", "show"), ("issue", "show", "x"), ("inbox",)], ids=" ".join)
def test_outside_a_newsroom_the_command_says_how_to_make_one(nowhere, command):
    nowhere.run(*command).refuses("no newsletter.toml here", "newsletter init")
    assert not nowhere.tree()


def test_a_newsroom_is_found_from_below_and_by_its_name(newsroom, nowhere):
    below = newsroom.run("issue", "show", FERRY, "--json")
    named = nowhere.run("-C", newsroom.root, "issue", "show", FERRY, "--json")
    assert below.code == named.code == 0
    assert below.out == named.out
    nowhere.run("-C", "gone", "issue", "show", FERRY).refuses("gone: error: there is no such folder")


def test_a_folder_that_was_removed_under_the_shell_is_told(nowhere):
    script = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])"
    nowhere.run("list", "show", through=(sys.executable, "-c", script)).refuses("this folder was removed")


def test_a_new_newsroom_writes_over_nothing(newsroom, nowhere):
    before = newsroom.tree()
    nowhere.run("init", newsroom.root).refuses("there is a newsroom already")
    assert newsroom.tree() == before
    nowhere.put("a file", "")
    nowhere.run("init", "a file").refuses("a file")
    (nowhere.root / "taken").mkdir()
    nowhere.put("taken/outlets.toml", "# ours\n")
    before = nowhere.tree()
    nowhere.run("init", "taken").refuses("taken/outlets.toml: error: is there already")
    assert nowhere.tree() == before


def test_a_new_newsroom_is_laid_whole_or_not_at_all(nowhere):
    nowhere.run("init", "desk", **only_so_much(4096)).refuses("desk", "File too large")
    assert not nowhere.tree()


def test_a_newsroom_takes_its_name_from_any_folder(nowhere):
    folder = os.fsdecode(b"\x1b[1m-caf\xc3\xa9 \"x\"\n'''")
    assert nowhere.run("init", folder).code == 0
    assert nowhere.run("-C", folder, "list", "show").code == 0


@pytest.mark.parametrize("slug", SLUGS)
def test_a_slug_leads_nowhere_else(newsroom, slug):
    before = newsroom.tree()
    newsroom.run("issue", "side", "--suggested", "--", slug).refuses("issue")
    assert newsroom.tree() == before


def test_an_issue_folder_that_is_a_link_is_not_followed(newsroom, nowhere):
    shutil.move(newsroom.root / "issues" / FERRY, nowhere.root / "moved")
    (newsroom.root / "issues" / FERRY).symlink_to(nowhere.root / "moved")
    newsroom.run("issue", "show", FERRY).refuses("there is no issue")


@pytest.mark.parametrize("out", ["newsletter.toml", "newsletter.toml/out", "/proc/nowhere"])
def test_an_edition_that_cannot_be_written_leaves_nothing(newsroom, out):
    before = newsroom.tree()
    newsroom.run("issue", "render", FERRY, "--out", out).refuses(out, "cannot be written")
    assert newsroom.tree() == before


def test_a_folder_closed_to_writing_keeps_the_old_edition(newsroom, as_anybody):
    assert newsroom.run("issue", "render", FERRY, "--out", "out").code == 0
    (newsroom.root / "out").chmod(0o500)
    newsroom.change(f"issues/{FERRY}/issue.toml", "Should the night ferry", "Shall the night ferry")
    before = newsroom.tree()
    newsroom.run("issue", "render", FERRY, "--out", "out", **as_anybody).refuses("out: error", "Permission")
    assert newsroom.tree() == before


def test_a_full_disk_keeps_the_old_edition_whole(newsroom):
    assert newsroom.run("issue", "render", FERRY, "--out", "out").code == 0
    newsroom.change(f"issues/{FERRY}/issue.toml", "Should the night ferry", "Shall the night ferry")
    before = newsroom.tree()
    newsroom.run("issue", "render", FERRY, "--out", "out", **only_so_much(20_000)).refuses("out", "File too large")
    assert newsroom.tree() == before


# --- The database --------------------------------------------------------------------------------------------------


def test_a_database_in_use_is_read_and_not_waited_for_forever(with_readers):
    with closing(sqlite3.connect(with_readers.root / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert subscribed(with_readers) == 3
        answer = with_readers.run(
            "subscriber", "add", "dee@reader.example", "--list", "daily", "--confirmed", "--consent", "yes"
        )
        answer.refuses(DATABASE, "in use by another process")
    assert subscribed(with_readers) == 3


@pytest.mark.parametrize("damage", ["other bytes", "cut off", "scrambled", "a folder", "newer"])
def test_a_damaged_database_is_told_and_left_as_it_is(with_readers, damage):
    path = with_readers.root / DATABASE
    data = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage == "newer":
        path.write_bytes(data)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("UPDATE alembic_version SET version_num = 'from the future'")
    else:
        scrambled = data[:100] + bytes(byte ^ 0x5A for byte in data[100:])
        path.write_bytes({"other bytes": b"PK\3\4" * 99, "cut off": data[:3000], "scrambled": scrambled}[damage])
    before = with_readers.tree()
    with_readers.run("list", "show").refuses(DATABASE)
    after = with_readers.tree()
    assert after[DATABASE] == before[DATABASE]


def test_a_full_disk_under_the_database_loses_nobody(with_readers):
    with_readers.put("many.csv", "email\n" + "".join(f"reader{n}@reader.example\n" for n in range(2000)))
    size = (with_readers.root / DATABASE).stat().st_size
    answer = with_readers.run("subscriber", "import", "many.csv", "--list", "daily", "--yes", **only_so_much(size))
    answer.refuses(DATABASE, "disk")
    assert subscribed(with_readers) == 3


@pytest.mark.parametrize("keys", [b"", b"short\n", b"\xff\xfe"], ids=["empty", "short", "no text"])
def test_keys_that_are_none_are_never_replaced(with_readers, keys):
    with_readers.put("data/secret.key", keys)
    with_readers.run("list", "show").refuses("data/secret.key")
    assert (with_readers.root / "data/secret.key").read_bytes() == keys


def test_a_secret_that_cannot_be_read_is_told_and_never_shown(with_readers):
    gone = {"NEWSLETTER_SECRET_KEY_FILE": "/gone/key"}
    with_readers.run("list", "show", environ=gone).refuses("/gone/key", "NEWSLETTER_SECRET_KEY_FILE")
    short = with_readers.run("list", "show", environ={"NEWSLETTER_SECRET_KEY": "hunter2"})
    short.refuses("NEWSLETTER_SECRET_KEY")
    assert "hunter2" not in short.err


# --- Ports and servers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [("inbox", "--smtp-port", "PORT", "--port", "0"), ("inbox", "--smtp-port", "0", "--port", "PORT")]
)
def test_an_inbox_on_a_busy_port_is_told(newsroom, command, busy_port):
    newsroom.run(*(str(busy_port) if word == "PORT" else word for word in command)).refuses(f"port {busy_port} is busy")


def test_a_demo_on_a_busy_port_is_told_and_leaves_no_folder(nowhere, busy_port):
    environ = {"TMPDIR": str(nowhere.root)}
    nowhere.run("demo", "--once", "--port", str(busy_port), environ=environ).refuses(f"port {busy_port} is busy")
    assert not nowhere.tree()


def test_a_demo_of_a_file_that_is_no_roundup_leaves_no_folder(nowhere):
    nowhere.put("roundup.txt", b"\xff")
    before = nowhere.tree()
    answer = nowhere.run("demo", "--once", "--issue", "roundup.txt", environ={"TMPDIR": str(nowhere.root)})
    answer.refuses("roundup.txt")
    assert nowhere.tree() == before


def test_a_demo_on_a_full_disk_is_told_and_leaves_no_folder(nowhere):
    answer = nowhere.run("demo", "--once", environ={"TMPDIR": str(nowhere.root)}, **only_so_much(4096))
    answer.refuses("newsletter-demo-", "File too large")
    assert not nowhere.tree()


def test_a_mail_server_that_is_not_there_is_told_and_nothing_is_begun(with_readers, dead_port):
    with_readers.change("newsletter.toml", "port = 2525", f"port = {dead_port}")
    answer = with_readers.run("send", FERRY, "--list", "daily", "--yes")
    answer.refuses(f"127.0.0.1:{dead_port}", "Connection refused", "[sender]")
    with_readers.run("report", "1").refuses("there is no mailing 1")


# --- The streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [("issue", "show", FERRY), ("issue", "show", FERRY, "--json"), ("issue", "--help")],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_stdout_cannot_take_is_told(newsroom, command):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        newsroom.run(*command, stdout=full).refuses("stdout", "No space left")


def test_a_reader_that_goes_away_is_no_reason_for_a_trace(newsroom):
    readable, writable = os.pipe()
    os.close(readable)
    answer = newsroom.run("issue", "show", FERRY, stdout=writable)
    os.close(writable)
    assert (answer.code, answer.err.count("error:")) == (1, 0)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_no_reason_for_a_trace(newsroom, closed):
    answer = newsroom.run("issue", "show", FERRY, through=("/bin/sh", "-c", f'exec "$0" "$@" {closed}'))
    assert answer.code == 0, answer
    assert ("Subject" in answer.out) == (closed != ">&-")
