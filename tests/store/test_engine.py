"""What holds on both databases."""

import threading
from contextlib import closing

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from newsletter import store
from newsletter.errors import InputError
from newsletter.store.tables import mailing_list

ROW = "INSERT INTO list (name, title, created_at) VALUES ('a', 'A', '2026-01-01')"


def _titles(connection):
    return connection.execute(select(mailing_list.c.title).order_by(mailing_list.c.id)).scalars().all()


def test_a_block_that_raises_changes_nothing(database):
    def interrupted():
        with database.writing() as connection:
            connection.execute(text(ROW))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with database.reading() as connection:
        assert _titles(connection) == []


def test_references_are_held(database):
    with pytest.raises(IntegrityError), database.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO subscription (list_id, subscriber_id, status, consent_text, consent_source, consent_at, changed_at)"
                " VALUES (1, 1, 'subscribed', '', '', '2026-01-01', '2026-01-01')"
            )
        )


def test_a_reading_block_has_one_view_whatever_others_commit_meanwhile(database):
    with database.writing() as connection:
        connection.execute(text(ROW))
    with database.reading() as connection:
        before = _titles(connection)
        with database.writing() as other:
            other.execute(update(mailing_list).values(title="B"))
            other.execute(text(ROW.replace("'a'", "'b'")))
        assert _titles(connection) == before == ["A"]
    with database.reading() as connection:
        assert sorted(_titles(connection)) == ["A", "B"]


def test_a_connection_that_has_read_writes_again(database):
    with database.reading() as connection:
        _titles(connection)
    with database.writing() as connection:
        connection.execute(text(ROW))
    with database.reading() as connection:
        assert _titles(connection) == ["A"]


def test_many_threads_share_a_store(database):
    errors = []

    def work(number):
        try:
            for each in range(5):
                name = f"{number}-{each}"

                def step(connection, name=name):
                    connection.execute(insert(mailing_list).values(name=name, title="", created_at=_instant()))

                database.write(step)
        except Exception as error:  # noqa: BLE001 - any at all is a failure of this test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.reading() as connection:
        assert len(_titles(connection)) == 40


def _instant():
    from datetime import UTC, datetime  # noqa: PLC0415

    return datetime(2026, 11, 23, tzinfo=UTC)


def test_an_odd_unit_of_text_survives(database):
    odd = "Ünï “quotes” \N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16} 北京 \u202etxt\\ % %s :name '\""
    with database.writing() as connection:
        connection.execute(insert(mailing_list).values(name="a", title=odd, created_at=_instant()))
    with database.reading() as connection:
        assert _titles(connection) == [odd]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://u:geheim@localhost/x",
        "postgresql+asyncpg://u:geheim@localhost/x",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://u:geheim@localhost:port/x",
    ],
)
def test_a_url_that_is_none_is_one_clear_error_without_its_password(url):
    with pytest.raises(InputError, match="database") as caught:
        store.open(url)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "postgresql://USER" in caught.value.remedy


def test_opening_the_same_database_twice_is_nothing_special(database, database_url):
    with closing(store.open(database_url)) as again, again.writing() as connection:
        connection.execute(text(ROW))
    with database.reading() as connection:
        assert _titles(connection) == ["A"]


def test_who_is_impatient_is_told_soon_and_leaves_the_others_their_patience(database):
    writer, told = threading.Event(), threading.Event()

    def hold():
        with database.writing(alone=True):
            writer.set()
            told.wait(20)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        assert writer.wait(20)
        with (
            pytest.raises(InputError, match=r"in use|locked"),
            database.impatient(0.05).writing(alone=True) as connection,
        ):
            connection.execute(text(ROW))
    finally:
        told.set()
        holding.join()
    with database.reading() as connection:
        assert _titles(connection) == []
        if database.is_sqlite:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 10_000
        else:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "10s"
