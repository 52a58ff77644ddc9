from dataclasses import replace

from sqlalchemy import select

from newsletter import alerts
from newsletter.alerts.tellings import tellings_of
from newsletter.store.alert_tables import announcement
from newsletter.store.tables import notice


def announcements(newsroom):
    with newsroom.store.reading() as connection:
        return connection.execute(select(announcement).order_by(announcement.c.id)).all()


def notices(newsroom):
    with newsroom.store.reading() as connection:
        return connection.execute(select(notice).order_by(notice.c.id)).all()


def test_an_alert_is_told_once_by_mail_and_webhook(newsroom):
    number = newsroom.raise_one()
    assert newsroom.announce() == 1
    assert newsroom.announce() == 0
    said = announcements(newsroom)[0]
    assert said.subject == "[The Harbour Letter] Alert: a mailing was found too late and is held (mailing:12)"
    assert "mailing 12 was found late" in said.text
    assert "docs/runbook/held-late.md" in said.text
    assert f"newsletter alert acknowledge {number}" in said.text
    assert (said.status, said.payload["alerts"][0]["step"]) == ("pending", "raised")
    assert [(row.kind, row.address, row.status) for row in notices(newsroom)] == [
        ("alert", "ops@harbour.example", "pending")
    ]
    assert [(one.channel, one.step.value) for one in tellings_of(newsroom.store, number)] == [
        ("webhook", "raised"),
        ("mail", "raised"),
    ]


def test_a_hundred_of_a_kind_within_an_hour_are_two_mails(newsroom):
    for number in range(100):
        newsroom.raise_one(subject=f"mailing:{number}")
        newsroom.announce()
        newsroom.later(seconds=10)
    assert len(announcements(newsroom)) == 1
    newsroom.later(hours=1)
    assert newsroom.announce() == 1
    text = announcements(newsroom)[1].text
    assert "(99 of them)" in announcements(newsroom)[1].subject
    assert "And 79 more: newsletter alert list" in text
    assert len(notices(newsroom)) == 2


def test_other_kinds_do_not_wait(newsroom):
    newsroom.raise_one()
    newsroom.announce()
    newsroom.raise_one(code="BREAKER-BOUNCES")
    assert newsroom.announce() == 1


def test_reminders_come_until_somebody_has_it_in_hand(newsroom):
    number = newsroom.raise_one()
    newsroom.announce()
    newsroom.later(hours=4)
    assert newsroom.announce() == 1
    assert announcements(newsroom)[1].subject.startswith("[The Harbour Letter] Still so: ")
    alerts.acknowledge(newsroom.store, number, actor="ada", now=newsroom.now)
    newsroom.later(hours=8)
    assert newsroom.announce() == 0


def test_the_end_is_told_with_who_ended_it(newsroom):
    newsroom.raise_one()
    newsroom.announce()
    newsroom.later(hours=1)
    newsroom.resolve(why="ada resumed it")
    assert newsroom.announce() == 1
    said = announcements(newsroom)[1]
    assert said.subject.startswith("[The Harbour Letter] Over: ")
    assert "over since 2026-11-24 07:00 UTC: ada resumed it" in said.text
    assert "Nothing is left to do." in said.text
    newsroom.later(days=2)
    assert newsroom.announce() == 0


def test_that_one_is_over_holds_back_other_ends_and_no_alarm(newsroom):
    for subject in ("list:a:2026-11-24", "list:b:2026-11-24"):
        newsroom.raise_one(code="NOT-READY", subject=subject)
    newsroom.announce()
    newsroom.later(hours=1)
    newsroom.resolve("NOT-READY", "list:a:2026-11-24")
    assert newsroom.announce() == 1
    newsroom.later(minutes=5)
    newsroom.resolve("NOT-READY", "list:b:2026-11-24")
    assert newsroom.announce() == 0
    newsroom.raise_one(code="NOT-READY", subject="list:c:2026-11-24")
    assert newsroom.announce() == 1
    newsroom.raise_one(code="NOT-READY", subject="list:d:2026-11-24")
    assert newsroom.announce() == 0


def test_what_comes_and_goes_within_the_hour_is_one_line_of_the_next_announcement(newsroom):
    newsroom.raise_one()
    newsroom.announce()
    for _ in range(5):
        newsroom.later(minutes=5)
        newsroom.raise_one(subject="mailing:13")
        newsroom.resolve(subject="mailing:13")
        assert newsroom.announce() == 0
    newsroom.later(hours=1)
    assert newsroom.announce() == 1
    assert announcements(newsroom)[1].text.count("Over: ") == 5


def test_where_nobody_listens_nothing_is_written(newsroom, channels):
    newsroom.raise_one()
    assert newsroom.announce(replace(channels, addresses={}, webhook=False)) == 0
    assert announcements(newsroom) == []
    assert newsroom.announce(replace(channels, webhook=False)) == 1
    assert announcements(newsroom)[0].status is None
