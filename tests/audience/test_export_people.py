import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text, update

from newsletter import store
from newsletter.audience import ImportResult, addresses, export_people, import_people, labelling, subscribers
from newsletter.audience.export_people import HEADING
from newsletter.audience.files.rows import Form
from newsletter.audience.labels import clean_tag, clean_value
from newsletter.audience.names import clean_name
from newsletter.audience.settling import Fate
from newsletter.errors import InputError
from newsletter.store.tables import subscription, suppression

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = datetime(2026, 4, 1, tzinfo=UTC)
Take = Callable[..., ImportResult]
words = st.text(st.characters(codec="utf-8"), max_size=30) | st.text("='+-@\"',;|[\n<> é👍א", max_size=8)
locals_ = st.from_regex(r"[a-z0-9=+'-]{1,8}", fullmatch=True) | st.text("aéöñж", min_size=1, max_size=4)
people = st.fixed_dictionaries(
    {
        "name": words,
        "tags": st.lists(words.filter(lambda text: clean_or_none(clean_tag, text)), max_size=3),
        "values": st.dictionaries(st.sampled_from(["country", "shoe_size", "a"]), words, max_size=3),
        "status": st.sampled_from(["subscribed", "unsubscribed", "unconfirmed"]),
        "reason": st.text("='+-@\"',;ab\n", max_size=8).map(str.strip),
        "consent": st.text("='+-@\"',;ab\n", min_size=1, max_size=8).map(str.strip).filter(bool),
        "bars": st.lists(st.sampled_from(["invalid", "bounce", "complaint", "manual"]), max_size=2, unique=True),
        "at": st.datetimes(datetime(1990, 1, 1), datetime(2025, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
        "paused": st.none() | st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    }
)


def clean_or_none(clean: Callable[[str], str], text: str) -> str | None:
    try:
        return clean(text)
    except InputError:
        return None


def exported(db: store.Store, list_name: str = "daily", form: Form = Form.CSV) -> str:
    out = io.StringIO(newline="")
    export_people(db, out, list_name=list_name, form=form)
    return out.getvalue()


def test_an_export_has_headings_status_consent_and_utc_times(take: Take, db: store.Store) -> None:
    take(
        "email,name,zone,hour,language,tags,attribute:b,attribute:a\nann@example.org,=1+1,Europe/Berlin,7:00,en,x,@y,z\n"
    )
    heading, row = exported(db).splitlines()
    assert heading == ",".join((*HEADING, "attribute:a", "attribute:b"))
    at = "2026-03-04T05:06:07Z"
    assert row.startswith(
        f"ann@example.org,'=1+1,en,Europe/Berlin,07:00,subscribed,{at},,,,x,Send me the daily.,import "
    )
    assert row.endswith(f",{at},z,'@y")


def test_json_lines_leave_out_what_is_empty(take: Take, db: store.Store) -> None:
    take("email,tags,attribute:a\nann@example.org,x,=z\nbob@example.org,,\n")
    ann, bob = (json.loads(line) for line in exported(db, form=Form.JSONL).splitlines())
    assert (ann["tags"], ann["attributes"], ann["email"]) == (["x"], {"a": "=z"}, "ann@example.org")
    assert set(bob) == {"email", "status", "changed_at", "consent", "consent_source", "consent_at"}


def test_pages_join_without_gap_or_repeat(take: Take, db: store.Store) -> None:
    take("".join(f"reader{number}@example.org\n" for number in range(5001)))
    out = io.StringIO(newline="")
    assert export_people(db, out, list_name="daily") == 5001
    assert len({line.partition(",")[0] for line in out.getvalue().splitlines()}) == 5002


def test_an_unknown_list_is_an_error_that_names_the_nearest(db: store.Store) -> None:
    with pytest.raises(InputError, match="Did you mean 'daily'"):
        export_people(db, io.StringIO(), list_name="dayly")


def audience(db: store.Store) -> dict[str, list[Any]]:
    """Everything that makes the audience, without numbers and without when it was written down."""
    statements = {
        "people": "SELECT address, address_key, domain, name, language, zone, hour FROM subscriber",
        "lists": "SELECT address_key, status, consent_text, consent_source, consent_at, changed_at, paused_until,"
        " left_reason FROM subscription JOIN subscriber p ON p.id = subscriber_id",
        "tags": "SELECT address_key, t.name FROM subscriber_tag JOIN tag t ON t.id = tag_id"
        " JOIN subscriber p ON p.id = subscriber_id",
        "attributes": "SELECT address_key, a.name, value, value_key FROM attribute a"
        " JOIN subscriber p ON p.id = subscriber_id",
        "bars": "SELECT address_key, reason FROM suppression",
    }
    with db.reading() as connection:
        return {name: sorted(map(repr, connection.execute(text(sql)))) for name, sql in statements.items()}


def fill(db: store.Store, found: dict[str, Any], domain: str) -> None:
    for local, one in found.items():
        given = {"list_name": "daily", "consent": one["consent"], "zone": "Asia/Tokyo", "language": "ja"}
        address = f"{local}@{domain}"
        person, added = subscribers.add(db, address, name=clean_name(one["name"]), clock=lambda: NOW, **given)
        if not added:
            continue
        with db.writing() as connection:
            labelling.put_on(connection, person.id, one["tags"])
            labelling.set_values(
                connection, person.id, {name: clean_value(text) for name, text in one["values"].items()}
            )
            state = {"status": one["status"], "changed_at": one["at"], "paused_until": one["paused"]}
            changed = update(subscription).where(subscription.c.subscriber_id == person.id)
            connection.execute(changed.values(**state, consent_at=one["at"], left_reason=one["reason"]))
            for reason in one["bars"]:
                row = {"address_key": addresses.parse(address).key, "reason": reason, "at": NOW}
                connection.execute(insert(suppression).values(row))


@given(
    st.dictionaries(locals_, people, min_size=1, max_size=6),
    st.sampled_from(["example.org", "bücher.example"]),
    st.sampled_from(Form),
)
@settings(max_examples=60, deadline=None)
def test_any_audience_comes_back_from_an_export_as_it_went(
    tmp_path_factory: pytest.TempPathFactory, new_database: Path, found: dict[str, Any], domain: str, form: Form
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    there, back = (store.open(store.sqlite_url(shutil.copy(new_database, folder / name))) for name in ("1.db", "2.db"))
    fill(there, found, domain)
    file = folder / "out"
    file.write_text(exported(there, form=form), encoding="utf-8", newline="")
    for _ in range(2):
        result = import_people(
            back, file, list_name="daily", consent=None, rejects=folder / "bad", clock=lambda: NOW, said=None
        )
        assert (result.rejected, result.balances) == (0, True), result.sample_rejects
        assert audience(back) == audience(there)
    assert exported(back, form=form) == exported(there, form=form)
    there.close()
    back.close()


@pytest.mark.parametrize("form", Form)
def test_the_same_on_both_databases(
    take: Take, db: store.Store, tmp_path: Path, new_database: Path, form: Form
) -> None:
    content = "email,name,tags,attribute:country,status,suppressed\n"
    content += 'ann@example.org,Ann,"a,b",US,subscribed,\nbob@example.org,Bob,,DE,left,\ncy@example.org,,,,,bounce\n'
    take(content)
    other = store.open(store.sqlite_url(shutil.copy(new_database, tmp_path / "other.db")))
    file = tmp_path / "out"
    file.write_text(exported(db, form=form), encoding="utf-8", newline="")
    import_people(other, file, list_name="daily", consent=None, rejects=tmp_path / "bad", clock=lambda: LATER)
    assert exported(other, form=form) == exported(db, form=form)
    other.close()


def test_who_left_is_exported_and_does_not_come_back(take: Take, db: store.Store, tmp_path: Path) -> None:
    take("ann@example.org\nbob@example.org\n")
    with db.writing() as connection:
        connection.execute(update(subscription).where(subscription.c.id == 1).values(status="unsubscribed"))
    result = take(exported(db), list_name="weekly", rejects=tmp_path / "r.csv")
    assert (result.added, result.fates[Fate.UNSUBSCRIBED]) == (1, 1)
