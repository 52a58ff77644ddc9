"""A backup that is put back, as a person meets it at the command line."""

import json
import shutil
from datetime import timedelta

import pytest

from newsletter.clock import system_clock
from newsletter.settings import defaults

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name


def scheduled(newsroom):
    at = f"{system_clock() + timedelta(days=3):%Y-%m-%d} 06:00"
    done = newsroom.run("issue", "schedule", FERRY, "--list", "daily", "--at", at, "--yes")
    assert done.code == 0, done
    return done


@pytest.fixture
def put_back(with_readers, tmp_path):
    """A newsroom with one scheduled mailing whose database was lost and put back from last night's backup."""
    scheduled(with_readers)
    made = with_readers.run("db", "backup", "--to", tmp_path / "last-night.db")
    assert made.code == 0, made
    database = with_readers.root / "data" / "newsletter.db"
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    shutil.copy(tmp_path / "last-night.db", database)
    return with_readers


def test_it_is_told_everywhere_and_nothing_goes_on_without_a_word(put_back):
    looked = put_back.run("doctor", "--offline", "--json")
    assert "DATABASE-RESTORED" in [one["code"] for one in json.loads(looked.out)["findings"]]
    shown = put_back.run("schedule", "show")
    assert "Nothing goes out by itself: the database is a backup of" in shown.err
    assert "newsletter db accept-restore" in shown.err
    assert "mailing 1, paused" in shown.out
    told = put_back.run("mailing", "show", "1").out
    assert "a backup of" in told
    assert "was put back: who got it after that is not known" in told
    alerts = json.loads(put_back.run("alert", "list", "--json").out)
    assert [(one["code"], one["times"]) for one in alerts] == [("RESTORED", 1)]
    put_back.run("mailing", "resume", "1", "--yes").refuses("was put back", "newsletter db accept-restore", code=1)
    refused = put_back.run("issue", "unschedule", FERRY, "--list", "daily")
    assert refused.code == 1
    assert put_back.run("scheduler", "--once").code == 0


def test_a_person_gives_the_word_and_decides_on_each_mailing(put_back):
    asked = put_back.run("db", "accept-restore")
    assert (asked.code, "Give --yes" in asked.err) == (2, True)
    assert "had not begun when the backup was made; all of its readers may have it by now" in asked.out
    assert put_back.run("db", "accept-restore", "--yes").code == 0
    put_back.run("db", "accept-restore", "--yes").refuses("nothing waits for this", code=1)
    put_back.run("mailing", "resume", "1").refuses("may have it already", "--yes", code=1)
    resumed = put_back.run("mailing", "resume", "1", "--yes")
    assert (resumed.code, "Scheduled: it goes out by itself" in resumed.out) == (0, True), resumed
    assert "Nothing goes out" not in put_back.run("schedule", "show").err


def test_who_was_erased_after_the_backup_is_erased_again(with_readers, tmp_path):
    for name in ("early", "late", "stays"):
        with_readers.run(
            "subscriber", "add", f"{name}@mail.example", "--list", "daily", "--confirmed", "--consent", "yes"
        )

    def erase(name):
        assert with_readers.run("subscriber", "erase", f"{name}@mail.example", "--yes").code == 0

    erase("early")
    assert with_readers.run("db", "backup", "--to", tmp_path / "last-night.db").code == 0
    erase("late")
    database = with_readers.root / "data" / "newsletter.db"
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    shutil.copy(tmp_path / "last-night.db", database)
    assert with_readers.run("subscriber", "show", "late@mail.example").code == 0
    accepted = with_readers.run("db", "accept-restore", "--yes")
    assert accepted.code == 0, accepted
    assert "Erased again, as after the backup: 1 (" in accepted.err
    with_readers.run("subscriber", "show", "late@mail.example").refuses("nobody", code=2)
    with_readers.run(
        *("subscriber", "add", "late@mail.example", "--list", "daily", "--confirmed", "--consent", "yes")
    ).refuses("suppressed (erased)", code=1)
    assert with_readers.run("subscriber", "show", "stays@mail.example").code == 0


def test_a_person_says_that_it_was_put_back_where_nothing_else_tells(with_readers):
    scheduled(with_readers)
    refused = with_readers.run("db", "mark-restored")
    assert (refused.code, "Give --yes" in refused.err) == (2, True)
    marked = with_readers.run("db", "mark-restored", "--yes")
    assert (marked.code, "newsletter mailing resume 1 --yes" in marked.out) == (0, True), marked
    assert "It is known" in with_readers.run("db", "mark-restored", "--yes").err
    accepted = with_readers.run("db", "accept-restore", "--yes", "--json")
    assert json.loads(accepted.out) == {"erased": [], "held": [1], "lost": []}


def test_a_newsroom_that_was_never_put_back_has_nothing_to_accept(with_readers):
    with_readers.run("db", "accept-restore", "--yes").refuses("was not restored", code=1)
