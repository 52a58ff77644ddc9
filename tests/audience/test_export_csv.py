import io
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from newsletter import store
from newsletter.audience import ImportResult, export_csv, import_csv, subscribers
from newsletter.audience.export_csv import HEADING
from newsletter.audience.names import clean_name
from newsletter.errors import InputError
from newsletter.store.tables import subscription

NOW = datetime(2026, 1, 2, tzinfo=UTC)
Take = Callable[..., ImportResult]
names = st.text(st.characters(codec="utf-8"), max_size=30) | st.text("='+-@\"',;\n<> é👍א", max_size=8)
locals_ = st.from_regex(r"[a-z0-9=+'-]{1,8}", fullmatch=True) | st.text("aéöñж", min_size=1, max_size=4)


def exported(db: store.Store, list_name: str = "daily") -> str:
    out = io.StringIO(newline="")
    export_csv(db, out, list_name=list_name)
    return out.getvalue()


def test_an_export_has_headings_status_consent_and_utc_times(take: Take, db: store.Store) -> None:
    take("email,name,zone,hour,language\nann@example.org,=1+1,Europe/Berlin,7:00,en\n")
    heading, row = exported(db).splitlines()
    assert heading == ",".join(HEADING)
    assert row.startswith(
        "ann@example.org,'=1+1,en,Europe/Berlin,07:00,subscribed,Send me the daily.,import people.csv sha256:"
    )
    assert row.endswith(",2026-03-04T05:06:07Z,2026-03-04T05:06:07Z")


def test_pages_join_without_gap_or_repeat(take: Take, db: store.Store) -> None:
    take("".join(f"reader{number}@example.org\n" for number in range(5001)))
    out = io.StringIO(newline="")
    assert export_csv(db, out, list_name="daily") == 5001
    assert len({line.partition(",")[0] for line in out.getvalue().splitlines()}) == 5002


def test_an_unknown_list_is_an_error_that_names_the_nearest(db: store.Store) -> None:
    with pytest.raises(InputError, match="Did you mean 'daily'"):
        export_csv(db, io.StringIO(), list_name="dayly")


@given(st.dictionaries(locals_, names, min_size=1, max_size=6), st.sampled_from(["example.org", "bücher.example"]))
@settings(max_examples=40, deadline=None)
def test_any_people_come_back_from_an_export_as_they_went(
    tmp_path_factory: pytest.TempPathFactory, new_database: Path, people: dict[str, str], domain: str
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    there, back = (store.open(store.sqlite_url(shutil.copy(new_database, folder / name))) for name in ("1.db", "2.db"))
    known: dict[str, str] = {}
    for local, name in people.items():
        given = {"list_name": "daily", "consent": "=yes", "zone": "Asia/Tokyo", "language": "ja", "clock": lambda: NOW}
        person, added = subscribers.add(there, f"{local}@{domain}", name=name, **given)
        assert added == (person.address not in known)
        known.setdefault(person.address, clean_name(name))
    file = folder / "out.csv"
    file.write_text(exported(there), encoding="utf-8", newline="")
    result = import_csv(back, file, list_name="daily", consent="c", rejects=folder / "bad.csv", clock=lambda: NOW)
    assert (result.added, result.rejected) == (len(known), 0)
    for address, name in known.items():
        found = subscribers.find(back, address)
        assert found is not None
        assert (found.address, found.name, found.zone, found.language) == (address, name, "Asia/Tokyo", "ja")
    there.close()
    back.close()


def test_who_left_is_exported_and_does_not_come_back(take: Take, db: store.Store, tmp_path: Path) -> None:
    take("ann@example.org\nbob@example.org\n")
    with db.writing() as connection:
        connection.execute(update(subscription).where(subscription.c.id == 1).values(status="unsubscribed"))
    result = take(exported(db), list_name="weekly", rejects=tmp_path / "r.csv")
    assert (result.added, result.rejected) == (1, 1)
