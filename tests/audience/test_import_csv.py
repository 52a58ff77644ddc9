import csv
import hashlib
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from newsletter import store
from newsletter.audience import ImportResult, addresses, import_csv, subscribers, suppressions
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.statuses import SubscriptionStatus, SuppressionReason
from newsletter.store.tables import audit, metadata, subscription

NOW = datetime(2026, 1, 2, tzinfo=UTC)
Take = Callable[..., ImportResult]
Clock = Callable[[], datetime]

MIXED = '''\
E-Mail;First Name;Last Name;Time zone;Language;Note
ann@example.org;Ann;Example;Europe/Berlin;en_US;
not an address;Bob;;;;
ANN@EXAMPLE.ORG;Ann;Again;;;
cy@example.org;"Cy
""Cyan""";<Example>;;;"two
lines"
dee@example.org;Dee;;Mars/Olympus;;
eve@example.org;Eve;;;klingon!;
fay@example.org;Fay;;;;;too;many
gil+news@example.org;👩‍👧 גיל;;;;
'''


def everything(db: Store) -> dict[str, list[Any]]:
    with db.reading() as connection:
        tables = metadata.sorted_tables
        return {table.name: [tuple(row) for row in connection.execute(select(table))] for table in tables}


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_a_mixed_file_is_accounted_for_row_by_row(take: Take, db: Store, tmp_path: Path) -> None:
    result = take(MIXED)
    assert (result.rows, result.added, result.duplicates, result.rejected) == (8, 3, 1, 4)
    assert result.balances
    assert (result.delimiter, result.encoding, result.encoding_guessed) == (";", "utf-8", False)
    assert result.columns["address"] == "E-Mail"
    assert result.rejects == tmp_path / "rejects.csv"
    cy = subscribers.find(db, "cy@example.org")
    ann = subscribers.find(db, "Ann@Example.org")
    assert cy is not None
    assert cy.name == 'Cy "Cyan" <Example>'
    assert ann is not None
    assert (ann.address, ann.name) == ("ann@example.org", "Ann Example")
    assert (ann.zone, ann.language) == ("Europe/Berlin", "en-US")


def test_rejected_rows_are_kept_with_number_line_and_reason(take: Take, tmp_path: Path) -> None:
    take(MIXED)
    heading, *kept = read_csv(tmp_path / "rejects.csv")
    assert heading == ["row", "line", "reason", "E-Mail", "First Name", "Last Name", "Time zone", "Language", "Note"]
    assert [row[:3] for row in kept] == [
        ["2", "3", "no valid address: An email address must have an @-sign"],
        ["5", "8", "no time zone is called 'Mars/Olympus'"],
        ["6", "9", "'klingon!' is no language tag such as en or pt-BR"],
        ["7", "10", "has 8 fields under 6 headings; is a quotation mark missing?"],
    ]
    assert kept[3][3:] == ["fay@example.org", "Fay", "", "", "", "", "too", "many"]
    assert stat.S_IMODE((tmp_path / "rejects.csv").stat().st_mode) == 0o600


def test_a_mended_reject_file_can_be_imported(take: Take, tmp_path: Path) -> None:
    take(MIXED)
    mended = (tmp_path / "rejects.csv").read_bytes().replace(b"not an address", b"bob@example.org")
    result = take(mended, rejects=tmp_path / "again.csv")
    assert (result.added, result.rejected) == (1, 3)
    assert read_csv(tmp_path / "again.csv")[0][:4] == ["row", "line", "reason", "E-Mail"]


def test_undecoded_bytes_reach_the_reject_file_as_they_were(take: Take, tmp_path: Path) -> None:
    take("ann@example.org,Zoë Ökü\n".encode() + b"bob@example.org,Ren\xe9\n")
    assert b"bob@example.org,Ren\xe9\r\n" in (tmp_path / "rejects.csv").read_bytes()


def test_without_rejects_there_is_no_file(take: Take, tmp_path: Path) -> None:
    assert take("ann@example.org\n").rejects is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "people.csv"]


def test_a_second_import_changes_nothing(take: Take, db: Store) -> None:
    take(MIXED)
    before = everything(db)
    result = take(MIXED)
    assert (result.added, result.already, result.duplicates, result.rejected) == (0, 3, 1, 4)
    assert result.balances
    assert everything(db) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_person_of_two_batches_is_a_duplicate(take: Take, dry_run: bool) -> None:
    people = [f"reader{number % 4500}@example.org,Reader {number}" for number in range(9100)]
    result = take("\n".join(people), dry_run=dry_run)
    assert (result.rows, result.added, result.duplicates) == (9100, 4500, 4600)
    assert result.balances


def test_of_two_rows_about_one_person_the_first_holds(take: Take, db: Store) -> None:
    take("reader3@example.org,Reader 3\nREADER3@example.org,Reader 43\n")
    first = subscribers.find(db, "reader3@example.org")
    assert first is not None
    assert first.name == "Reader 3"


def test_an_import_that_was_killed_is_finished_by_the_next(take: Take, tmp_path: Path) -> None:
    people = "".join(f"reader{number}@example.org\n" for number in range(9000))

    def kill(done: int, _total: int) -> None:
        if done > 5000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(people, progress=kill)
    assert not list(tmp_path.glob(".*"))
    result = take(people)
    assert (result.added, result.already) == (1000, 8000)
    assert result.balances


def test_progress_counts_up_to_all_rows(take: Take) -> None:
    seen: list[tuple[int, int]] = []
    take("".join(f"reader{number}@example.org\n" for number in range(5000)), progress=lambda *at: seen.append(at))
    assert seen == [(4000, 5000), (5000, 5000)]


def test_a_dry_run_counts_the_same_and_writes_nothing(take: Take, db: Store, tmp_path: Path) -> None:
    before = everything(db)
    trial = take(MIXED, dry_run=True)
    assert (trial.rows, trial.added, trial.duplicates, trial.rejected) == (8, 3, 1, 4)
    assert trial.balances
    assert [person.address.text for person in trial.sample][:2] == ["ann@example.org", "cy@example.org"]
    assert [reject.line for reject in trial.sample_rejects] == [3, 8, 9, 10]
    assert everything(db) == before
    assert not (tmp_path / "rejects.csv").exists()


def test_who_left_has_not_confirmed_or_is_suppressed_stays_out(take: Take, db: Store, clock: Clock) -> None:
    take("left@example.org\nunsure@example.org\n")
    for address, status in {"left@example.org": "unsubscribed", "unsure@example.org": "unconfirmed"}.items():
        person = subscribers.find(db, address)
        assert person is not None
        with db.writing() as connection:
            changed = update(subscription).where(subscription.c.subscriber_id == person.id).values(status=status)
            connection.execute(changed)
    suppressions.add(db, addresses.parse("Angry@Example.org"), SuppressionReason.COMPLAINT, clock=clock)
    result = take("left@example.org\nunsure@example.org\nangry@example.org\nangry@example.org\nnew@example.org\n")
    assert (result.added, result.unsubscribed, result.unconfirmed, result.duplicates) == (1, 1, 1, 1)
    assert result.suppressed == {SuppressionReason.COMPLAINT: 1}
    assert result.balances
    assert subscribers.find(db, "angry@example.org") is None


def test_who_said_no_to_another_tool_is_rejected_with_that_reason(take: Take) -> None:
    result = take("email,status\nann@example.org,subscribed\nbob@example.org,Unsubscribed\n")
    assert (result.added, result.rejected) == (1, 1)
    assert result.sample_rejects[0].reason == "the status is 'Unsubscribed'"


def test_consent_is_recorded_with_file_and_hash(take: Take, db: Store, clock: Clock) -> None:
    take("ann@example.org\n", consent=" Yes, send it. ")
    take("bob@example.org\n", consent=" ")
    (ann,) = getattr(subscribers.find(db, "ann@example.org"), "subscriptions")  # noqa: B009 - it may be None
    (bob,) = getattr(subscribers.find(db, "bob@example.org"), "subscriptions")  # noqa: B009
    digest = hashlib.sha256(b"ann@example.org\n").hexdigest()
    assert (ann.consent_text, ann.consent_source) == ("Yes, send it.", f"import people.csv sha256:{digest}")
    assert (ann.consent_at, ann.status) == (clock(), SubscriptionStatus.SUBSCRIBED)
    assert bob.consent_text == "Imported from people.csv without the words of the consent"


def test_the_audit_names_file_and_list_and_no_address(take: Take, db: Store) -> None:
    take("ann@example.org\n", actor="editor:1")
    with db.reading() as connection:
        (row,) = connection.execute(select(audit)).all()
    assert (row.actor, row.action) == ("editor:1", "subscriber.import")
    assert "ann@" not in str(row)


def test_another_list_takes_the_same_person_and_keeps_what_is_known(take: Take, db: Store) -> None:
    take("ann@example.org,Ann\n")
    assert take("ann@example.org,Somebody Else\n", list_name="weekly").added == 1
    ann = subscribers.find(db, "ann@example.org")
    assert ann is not None
    assert ann.name == "Ann"
    assert [held.list_name for held in ann.subscriptions] == ["daily", "weekly"]


def test_an_encoding_that_is_guessed_is_said(take: Take, db: Store) -> None:
    result = take("email,name\nrene@example.org,René “R.”\n".encode("cp1252"))
    assert (result.encoding, result.encoding_guessed) == ("cp1252", True)
    rene = subscribers.find(db, "rene@example.org")
    assert rene is not None
    assert rene.name == "René “R.”"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"\x00\x01\x02", {}),
        (b"", {}),
        (b"Ann,Bob\n", {}),
        (b'ann@example.org\nbob@example.org,"Bob\n', {}),
        (b"ann@example.org\n" + b"x" * 200_000, {}),
        (b"ann@example.org\n", {"list_name": "dayly"}),
        (b"ann@example.org\n", {"rejects": Path("/nowhere/at/all.csv")}),
    ],
)
def test_what_cannot_be_used_is_one_error_and_nothing_is_written(
    take: Take, db: Store, tmp_path: Path, content: bytes, options: dict[str, Any]
) -> None:
    before = everything(db)
    with pytest.raises(InputError):
        take(content, **options)
    assert everything(db) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "people.csv"]


def test_a_database_in_use_is_one_error(take: Take, db: Store, database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("ann@example.org\nnobody\n")
    hurried = store.open(database_url, busy_seconds=0.05)
    with db.writing() as connection:
        if not db.is_sqlite:  # there one writer keeps all others waiting; here only those who want the same
            connection.execute(text("LOCK TABLE subscriber"))
        with pytest.raises(InputError, match="in use by another process"):
            import_csv(hurried, path, list_name="daily", consent="c", rejects=tmp_path / "bad.csv", clock=lambda: NOW)
    hurried.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "people.csv"]
    assert take("ann@example.org\nnobody\n").added == 1


@pytest.mark.parametrize("kind", ["folder", "device"])
def test_rejects_never_take_the_place_of_what_is_no_file(take: Take, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "data" if kind == "folder" else Path("/dev/null")
    with pytest.raises(InputError, match="is no regular file"):
        take("ann@example.org\nnobody\n", rejects=place)


def test_rejects_never_overwrite_the_file_itself(take: Take, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot take the rejected rows"):
        take("ann@example.org\nnobody\n", rejects=tmp_path / "data" / ".." / "people.csv")
