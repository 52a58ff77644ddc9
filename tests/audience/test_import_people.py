import csv
import hashlib
import json
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update

from newsletter import store
from newsletter.audience import ImportResult, addresses, import_people, labelling, lists, subscribers, suppressions
from newsletter.audience.files.people_file import Said
from newsletter.audience.settling import Fate
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.audience_tables import consent as consent_table
from newsletter.store.audience_tables import subscriber_tag
from newsletter.store.statuses import SubscriptionStatus, SuppressionReason
from newsletter.store.tables import audit, metadata, subscriber, subscription, suppression

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


def read_csv(path: Path, *, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_a_mixed_file_is_accounted_for_row_by_row(take: Take, db: Store, tmp_path: Path) -> None:
    result = take(MIXED)
    assert (result.rows, result.added, result.fates[Fate.DUPLICATE], result.rejected) == (8, 3, 1, 4)
    assert result.balances
    layout = result.layout
    assert (layout.delimiter, layout.encoding.name, layout.encoding.guessed) == (";", "utf-8", False)
    assert layout.named()["address"] == "E-Mail"
    assert layout.left_out() == ["Note"]
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
    heading, *kept = read_csv(tmp_path / "rejects.csv", delimiter=";")
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
    assert read_csv(tmp_path / "again.csv", delimiter=";")[0][:4] == ["row", "line", "reason", "E-Mail"]


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
    assert (result.added, result.fates[Fate.ALREADY], result.fates[Fate.DUPLICATE], result.rejected) == (0, 3, 1, 4)
    assert result.balances
    assert everything(db) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_person_of_two_batches_is_a_duplicate(take: Take, dry_run: bool) -> None:
    people = [f"reader{number % 4500}@example.org,Reader {number}" for number in range(9100)]
    result = take("\n".join(people), dry_run=dry_run)
    assert (result.rows, result.added, result.fates[Fate.DUPLICATE]) == (9100, 4500, 4600)
    assert result.balances


def test_a_large_batch_goes_before_a_small_one_that_repeats_it(take: Take, db: Store) -> None:
    people = [f"reader{number}@example.org,Reader {number}" for number in range(4000)]
    result = take("\n".join([*people, "reader3999@example.org,Somebody Else"]))
    assert (result.added, result.fates[Fate.DUPLICATE]) == (4000, 1)
    found = subscribers.find(db, "reader3999@example.org")
    assert found is not None
    assert found.name == "Reader 3999"


def test_of_two_rows_about_one_person_the_first_holds(take: Take, db: Store) -> None:
    take("reader3@example.org,Reader 3\nREADER3@example.org,Reader 43\n")
    first = subscribers.find(db, "reader3@example.org")
    assert first is not None
    assert first.name == "Reader 3"


def test_an_import_that_was_stopped_is_finished_by_the_next(take: Take, tmp_path: Path) -> None:
    people = "".join(f"reader{number}@example.org\n" for number in range(9000))

    def stop(done: int, _total: int) -> None:
        if done > 5000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(people, progress=stop)
    assert not list(tmp_path.glob(".*"))
    result = take(people)
    # PostgreSQL may have been at the last thousand when it was stopped.
    assert (result.added, result.fates[Fate.ALREADY]) in {(1000, 8000), (0, 9000)}
    assert result.balances


@pytest.fixture(params=["sqlite", "postgresql"])
def two_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two new databases of one kind, each with an empty list."""
    databases = None if request.param == "sqlite" else request.getfixturevalue("postgresql")
    paths = tmp_path / "whole.db", tmp_path / "killed.db"
    first, second = (databases.new() if databases else store.sqlite_url(path) for path in paths)
    for url in (first, second):
        with closing(store.open(url)) as opened:
            lists.ensure(opened, "daily", title="The Daily", clock=lambda: NOW)
    yield first, second
    if databases:
        databases.drop(first)
        databases.drop(second)


def test_a_process_that_is_killed_anywhere_leaves_what_the_next_finishes(
    two_urls: tuple[str, str], tmp_path: Path
) -> None:
    # From the 12,000th on every tenth repeats somebody, with a status and labels of its own: the first row holds.
    numbers = [number - 9_000 if number > 12_000 and number % 10 == 0 else number for number in range(24_000)]
    people = "email,status,tags,attribute:n\n" + "".join(
        f"reader{number}@example.org,{'pending' if row % 7 == 0 else 'ok'},t{row % 5},{row}\n"
        for row, number in enumerate(numbers)
    )
    (tmp_path / "people.csv").write_text(people)
    whole, killed = two_urls
    for rows in (0, 4_000, 12_000, 16_000):
        _killed_after(rows, killed, tmp_path)
    for url in (whole, killed):
        subprocess.run([sys.executable, "-c", _IMPORT, url, str(tmp_path)], check=True, capture_output=True)
    assert audience_in(killed) == audience_in(whole)
    assert len(audience_in(whole)) == len(set(numbers))


def _killed_after(rows: int, url: str, folder: Path) -> None:
    """Import, and kill it without a word in the middle of what comes after so many rows."""
    process = subprocess.Popen([sys.executable, "-c", _IMPORT, url, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= rows:
            break
    time.sleep(0.05)
    process.kill()
    process.communicate()


_IMPORT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from newsletter import store
from newsletter.audience import import_people
folder = Path(sys.argv[2])
opened = store.open(sys.argv[1])
print(0, flush=True)
import_people(
    opened, folder / "people.csv", list_name="daily", consent="yes", rejects=folder / "r.csv",
    clock=lambda: datetime(2026, 1, 2, tzinfo=UTC), progress=lambda done, rows: print(done, flush=True),
)
"""


def audience_in(url: str) -> list[tuple[Any, ...]]:
    """All that the import of the test above writes of each person, whatever their numbers are."""
    people = text(
        "SELECT p.address, p.created_at, s.status, s.consent_source, s.changed_at, a.value,"
        " (SELECT count(*) FROM consent WHERE subscription_id = s.id) AS steps,"
        " (SELECT max(t.name) FROM subscriber_tag JOIN tag t ON t.id = tag_id WHERE subscriber_id = p.id) AS tag,"
        " (SELECT count(*) FROM subscriber_tag WHERE subscriber_id = p.id) AS tags"
        " FROM subscriber p JOIN subscription s ON s.subscriber_id = p.id JOIN attribute a ON a.subscriber_id = p.id"
    )
    with closing(store.open(url)) as opened, opened.reading() as connection:
        return sorted(tuple(row) for row in connection.execute(people))


def test_two_imports_of_one_file_at_once_add_each_person_once(db: Store, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,tags\n" + "".join(f"reader{number}@example.org,t{number % 3}\n" for number in range(9000)))
    done: list[ImportResult] = []

    def run(name: str) -> None:
        rejects = tmp_path / f"{name}.csv"
        done.append(import_people(db, people, list_name="daily", consent="c", rejects=rejects, clock=lambda: NOW))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.added for result in done) == sum(result.fates[Fate.ALREADY] for result in done) == 9000
    with db.reading() as connection:
        tables = (subscriber, subscription, consent_table, subscriber_tag)
        rows = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]
    assert rows == [9000] * 4


def test_progress_counts_up_to_all_rows(take: Take) -> None:
    seen: list[tuple[int, int]] = []
    take("".join(f"reader{number}@example.org\n" for number in range(5000)), progress=lambda *at: seen.append(at))
    assert seen == [(4000, 5000), (5000, 5000)]


def test_a_dry_run_counts_the_same_and_writes_nothing(take: Take, db: Store, tmp_path: Path) -> None:
    before = everything(db)
    trial = take(MIXED, dry_run=True)
    assert (trial.rows, trial.added, trial.fates[Fate.DUPLICATE], trial.rejected) == (8, 3, 1, 4)
    assert trial.balances
    assert [claim.person.address.text for claim in trial.sample][:2] == ["ann@example.org", "cy@example.org"]
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
    assert {fate: count for fate, count in result.fates.items() if count} == {
        Fate.ADDED: 1,
        Fate.UNSUBSCRIBED: 1,
        Fate.UNCONFIRMED: 1,
        Fate.DUPLICATE: 1,
    }
    assert result.suppressed == {SuppressionReason.COMPLAINT: 1}
    assert result.balances
    assert subscribers.find(db, "angry@example.org") is None


def standing(db: Store, address: str) -> tuple[SubscriptionStatus | None, SuppressionReason | None]:
    found = subscribers.find(db, address)
    if found is None:
        return None, suppressions.is_suppressed(db, addresses.parse(address))
    return (found.subscriptions[0].status if found.subscriptions else None), found.suppressed


MOVED = """\
email,status
ann@example.org,subscribed
bob@example.org,Unsubscribed
cy@example.org,pending
dee@example.org,cleaned
eve@example.org,complained
fay@example.org,blocklisted
"""


def test_who_must_not_be_mailed_is_kept_as_such_and_no_other_file_brings_them_in(take: Take, db: Store) -> None:
    result = take(MOVED)
    assert (result.added, result.rejected, sum(result.suppressed.values())) == (1, 0, 3)
    assert (result.fates[Fate.UNSUBSCRIBED], result.fates[Fate.UNCONFIRMED]) == (1, 1)
    assert result.balances
    before = everything(db)
    again = take(MOVED)
    assert (again.added, again.fates[Fate.ALREADY], again.suppressed) == (0, 1, result.suppressed)
    assert everything(db) == before
    plain = take("".join(f"{name}@example.org\n" for name in ("bob", "cy", "dee", "eve", "fay")))
    assert (plain.added, sum(plain.suppressed.values())) == (0, 3)
    assert standing(db, "bob@example.org") == (SubscriptionStatus.UNSUBSCRIBED, None)
    assert standing(db, "cy@example.org") == (SubscriptionStatus.UNCONFIRMED, None)
    assert standing(db, "dee@example.org") == (None, SuppressionReason.BOUNCE)
    assert standing(db, "eve@example.org") == (None, SuppressionReason.COMPLAINT)
    assert standing(db, "fay@example.org") == (None, SuppressionReason.MANUAL)


def test_the_unconfirmed_join_only_where_consent_is_said_to_hold_for_them(take: Take, db: Store) -> None:
    take("email,status\ncy@example.org,pending\ndee@example.org,pending\n")
    assert take("cy@example.org\n").fates[Fate.UNCONFIRMED] == 1
    result = take("email,status\ncy@example.org,pending\nnew@example.org,pending\n", confirmed=True)
    assert (result.added, result.fates[Fate.CONFIRMED]) == (1, 1)
    assert standing(db, "cy@example.org")[0] is SubscriptionStatus.SUBSCRIBED
    assert standing(db, "dee@example.org")[0] is SubscriptionStatus.UNCONFIRMED
    with db.reading() as connection:
        steps = connection.execute(select(consent_table.c.what).where(consent_table.c.subscription_id == 1)).scalars()
        assert list(steps) == ["imported", "imported"]


@pytest.mark.parametrize(
    ("left", "ended"), [("2026-03-05", True), ("2026-03-03 10:00", False), ("yes", True), ("no", False)]
)
def test_who_left_another_tool_later_has_left_here(take: Take, db: Store, left: str, ended: bool) -> None:
    take("ann@example.org\n")
    content = f"email,unsub_time\nann@example.org,{left}\n"
    result = take(content)
    assert result.fates[Fate.ENDED if ended else Fate.ALREADY] == 1
    assert (standing(db, "ann@example.org")[0] is SubscriptionStatus.UNSUBSCRIBED) is ended
    before = everything(db)
    assert take(content).fates[Fate.ENDED] == 0
    assert everything(db) == before


def test_nobody_who_left_here_comes_back_whatever_a_file_says(take: Take, db: Store) -> None:
    take("email,status\nann@example.org,left\n")
    content = "email,status,consent_at\nann@example.org,subscribed,2026-03-04\n"
    assert take(content, confirmed=True).fates[Fate.UNSUBSCRIBED] == 1
    assert standing(db, "ann@example.org")[0] is SubscriptionStatus.UNSUBSCRIBED


def test_of_an_erased_person_nothing_is_written(take: Take, db: Store, clock: Clock) -> None:
    with db.writing() as connection:
        row = {"address_hash": "hash of ann@example.org", "reason": "erased", "at": clock(), "evidence": ""}
        connection.execute(insert(suppression), row)
    take("bob@example.org\n", fingerprint="hash of {}".format)
    before = everything(db)
    content = "email,status,tags\nANN@example.org,complained,donor\nann@example.org,subscribed,donor\n"
    result = take(content, fingerprint="hash of {}".format)
    assert (result.added, result.suppressed) == (0, {SuppressionReason.ERASED: 1})
    after = everything(db)
    after["wording"] = before["wording"]
    assert after == before


def labels(db: Store, address: str) -> tuple[list[str], dict[str, str]]:
    found = subscribers.find(db, address)
    assert found is not None
    with db.reading() as connection:
        return labelling.tags_of(connection, found.id), labelling.values_of(connection, found.id)


def test_tags_and_attributes_are_added_and_what_is_known_stays(take: Take, db: Store) -> None:
    said = Said(mapped={"Country": "attribute", "Shoe": "attribute:shoe_size"})
    take('email,tags,Country,Shoe\nann@example.org,"""VIP"",""a, b""",US,\nbob@example.org,,,\n', said=said)
    assert labels(db, "ann@example.org") == (["a, b", "vip"], {"country": "US"})
    assert labels(db, "bob@example.org") == ([], {})
    content = "email,tags,Country,Shoe\nann@example.org,donor; vip,FR,42\nbob@example.org,,DE,\ncy@example.org,vip,,\n"
    take(content, said=said)
    assert labels(db, "ann@example.org") == (["a, b", "donor", "vip"], {"country": "US", "shoe_size": "42"})
    assert labels(db, "bob@example.org") == ([], {"country": "DE"})
    before = everything(db)
    take(content, said=said)
    assert everything(db) == before


def test_json_lines_say_the_same(take: Take, db: Store, tmp_path: Path) -> None:
    lines = [
        '{"email": "ann@example.org", "tags": ["VIP"], "attribs": {"country": "US", "home": {"city": "Rome"}, "n": 7}}',
        '{"email": "bob@example.org", "tags": "no list", "created_at": "2024-01-05 10:11:12.5 +0000 UTC"}',
        '{"email": "nobody", "name": "\\ud800"}',
        "{broken",
        '{"email": "cy@example.org", "name": "\\ud800"}',
        '{"email": "dee@example.org\\nBcc: x@example.org"}',
    ]
    result = take("\n".join(lines), rejects=tmp_path / "bad.jsonl")
    assert (result.added, result.rejected) == (2, 4)
    assert labels(db, "ann@example.org") == (["vip"], {"country": "US", "home_city": "Rome", "n": "7"})
    (bob,) = getattr(subscribers.find(db, "bob@example.org"), "subscriptions")  # noqa: B009
    assert bob.consent_at == datetime(2024, 1, 5, 10, 11, 12, 500000, UTC)
    kept = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(one["row"], one["line"]) for one in kept] == [(3, 3), (4, 4), (5, 5), (6, 6)]
    assert kept[1]["written"] == "{broken"
    mended = (tmp_path / "bad.jsonl").read_text().replace('"nobody"', '"nobody@example.org"').replace("\\ud800", "Jo")
    again = take(mended, rejects=tmp_path / "again.jsonl")
    assert (again.added, again.rejected) == (2, 2)
    assert [list(json.loads(line))[:3] for line in (tmp_path / "again.jsonl").read_text().splitlines()] == [
        ["row", "line", "reason"]
    ] * 2


def test_a_consent_of_its_own_goes_before_that_of_the_file(take: Take, db: Store) -> None:
    content = "email,consent,optin_time\nann@example.org,Yes at the fair,2023-01-05 10:11:12\nbob@example.org,,\n"
    result = take(content, consent=None)
    assert (result.added, result.rejected) == (1, 1)
    assert result.sample_rejects[0].reason == "no consent is stated for this person"
    (ann,) = getattr(subscribers.find(db, "ann@example.org"), "subscriptions")  # noqa: B009
    assert (ann.consent_text, ann.consent_at) == ("Yes at the fair", datetime(2023, 1, 5, 10, 11, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("heading", "cell", "reason"),
    [
        ("hour", "25:00", "'25:00' is no time of day such as 07:00"),
        ("zone", "Mars/Olympus", "no time zone is called 'Mars/Olympus'"),
        ("confirm_time", "05/01/2023", "'05/01/2023' is no date such as"),
        ("confirm_time", "2099-01-01", "'2099-01-01' is a date too far from now"),
        ("suppressed", "because", "'because' is no reason to suppress anybody"),
        ("tags", '"a', "the tags '\"a' have a lost quotation mark"),
        ("tags", "[1]", "the tags are no JSON list of texts"),
        ("tags", "x" * 101, "a tag is longer than 100 characters"),
        ("attributes", "{", "the attributes are no JSON: '{'"),
        ("attributes", '{"a": "' + "x" * 501 + '"}', "a attribute's value is longer than 500 characters"),
        ("consent", "x" * 10_001, "the consent is longer than 10,000 characters"),
    ],
)
def test_cells_that_cannot_be_right_are_reasons(take: Take, heading: str, cell: str, reason: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    result = take(f"email;{heading}\nann@example.org;{quoted}\n")
    assert result.rejected == 1
    assert result.sample_rejects[0].reason.startswith(reason)


def test_zones_are_known_in_any_case(take: Take, db: Store) -> None:
    take("email,TIMEZONE\nann@example.org,America/New_york\n")
    ann = subscribers.find(db, "ann@example.org")
    assert ann is not None
    assert ann.zone == "America/New_York"


HOSTILE = (
    *("ann@example.org\nBcc: x@example.org", "ann@example.org\0", "\u202eann@example.org", "a\u202eb@example.org"),
    *(
        "ann@exam\u202eple.org",
        "ann@example.org,bob@example.org",
        "<ann@example.org>",
        "ann@[127.0.0.1]",
        "=cmd|' /C'!A0",
    ),
    *(
        "ann @example.org",
        "ann@example.org>\r\nRCPT TO:<x@example.org>",
        '"a b"@example.org',
        "a" * 65 + "@example.org",
    ),
)


@pytest.mark.parametrize("address", HOSTILE)
def test_addresses_that_mean_harm_are_rejected(take: Take, address: str) -> None:
    result = take(json.dumps({"email": "ok@example.org"}) + "\n" + json.dumps({"email": address}) + "\n")
    assert (result.added, result.rejected) == (1, 1)


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
    assert (result.layout.encoding.name, result.layout.encoding.guessed) == ("cp1252", True)
    rene = subscribers.find(db, "rene@example.org")
    assert rene is not None
    assert rene.name == "René “R.”"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"\x00\x01\x02", {}),
        (b"", {}),
        (b"Ann,Bob\n", {}),
        (b"ann@example.org\n" + b"x" * 2_000_000, {}),
        (b"email\nann@example.org\n", {"said": Said(mapped={"mail": "address"})}),
        (b"ann@example.org\n", {"confirmed": True, "consent": None}),
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
            import_people(
                hurried, path, list_name="daily", consent="c", rejects=tmp_path / "bad.csv", clock=lambda: NOW
            )
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
