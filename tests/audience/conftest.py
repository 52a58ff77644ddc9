from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter import audience, store
from newsletter.audience import lists

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def clock() -> Callable[[], datetime]:
    return lambda: NOW


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with two empty lists, to be copied: making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("new") / "newsletter.db"
    opened = store.open(store.sqlite_url(path))
    lists.ensure(opened, "daily", title="The Daily", clock=lambda: NOW)
    lists.ensure(opened, "weekly", title="The Weekly", clock=lambda: NOW)
    opened.close()
    return path


@pytest.fixture
def db(tmp_path: Path, database: store.Store) -> store.Store:
    """A database with two empty lists."""
    (tmp_path / "data").mkdir()
    lists.ensure(database, "daily", title="The Daily", clock=lambda: NOW)
    lists.ensure(database, "weekly", title="The Weekly", clock=lambda: NOW)
    return database


@pytest.fixture
def take(db: store.Store, tmp_path: Path, clock: Callable[[], datetime]) -> Callable[..., audience.ImportResult]:
    """Import text or bytes into the list `daily`."""

    def run(content: str | bytes, **options: Any) -> audience.ImportResult:
        path = tmp_path / "people.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        given = {"list_name": "daily", "consent": "Send me the daily.", "rejects": tmp_path / "rejects.csv"}
        return audience.import_people(db, path, clock=clock, **(given | options))

    return run
