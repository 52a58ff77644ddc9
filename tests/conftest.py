"""What every test shares: the real roundup where it is at hand, the rules for skipping, no network, profiles."""

from __future__ import annotations

import fcntl
import importlib.util
import ipaddress
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import ModuleType

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT.parent / "shared" / "seeds"
SEED = SEEDS / "roundup-2024-06-20.txt"
FORBID_SKIPS = os.environ.get("NEWSLETTER_FORBID_SKIPS", "") not in {"", "0"}

TEST_SERVER = "NEWSLETTER_TEST_POSTGRES"
"""The URL of a PostgreSQL server that tests may make databases in; without it they start one of their own."""
SESSION = "NEWSLETTER_TEST_SESSION"
"""The folder that all processes of one run share."""

# No deadlines: a shared machine stalls for longer than any function under test takes.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


# --- What is at hand ---------------------------------------------------------------------------------------------


def find_chromium() -> str | None:
    """The browser's path, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def find_postgresql() -> str | None:
    """Where the tests' PostgreSQL is: a server that is named to us, or the folder of the installed one's programs."""
    from newsletter.rehearsal import postgresql  # noqa: PLC0415 - this file is also read where no tests of ours are

    named = os.environ.get(TEST_SERVER)
    installed = postgresql.find_binaries()
    return "the server of " + TEST_SERVER if named else str(installed) if installed else None


def pytest_report_header() -> list[str]:
    """Say at the top what the tests can use."""
    found = {
        "Chromium": find_chromium(),
        "PostgreSQL": find_postgresql(),
        "the real roundup": str(SEED) if SEED.is_file() else None,
    }
    return [f"{name}: {place or 'not here'}" for name, place in found.items()]


OUTSIDE = ("acceptance", "cli", "docs", "judges", "scripts")
"""Test folders whose tests start processes; those that need a browser are marked one by one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `scripts/test --fast` leaves out."""
    tests = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in OUTSIDE or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.outside)


@pytest.fixture(scope="session")
def seed_file() -> Path:
    """The real roundup file, which is never part of the project; mark tests that use it with `seed`."""
    if not SEED.is_file():
        pytest.skip("the real roundup is not beside this checkout (../shared/seeds)")
    return SEED


@pytest.fixture(scope="session")
def seed_expected(seed_file: Path) -> Path:
    """The real roundup's parse, made by hand."""
    return seed_file.with_suffix(".expected.json")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium for playwright's `executable_path`; mark tests that use it with `browser`."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    return path


@pytest.fixture(scope="session")
def node() -> Path:
    """Node, with the judges in place."""
    script = _judges()
    found: Path | None = script.find_node()
    if found is None or not script.installed():
        pytest.skip("the judges of tests/judges are not installed: scripts/test does that (it needs the network once)")
    return found


def _judges() -> ModuleType:
    spec = importlib.util.spec_from_file_location("judges_script", ROOT / "scripts" / "judges.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- Databases ---------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder, which its workers inherit. Its path is short: a server's socket is made in it."""
    # Nobody's own database is for tests, whatever shell they are run from.
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):
        os.environ.pop(name, None)
    if not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="newsletter-"))
        folder.chmod(0o711)
        config.stash[_FOLDER] = (folder, os.environ.get(SESSION))
        os.environ[SESSION] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server that a test has started, and remove what the run has left."""
    folder, before = config.stash.get(_FOLDER, (None, None))
    if folder is None:
        return
    if before is None:
        os.environ.pop(SESSION, None)
    else:
        os.environ[SESSION] = before
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int((folder / "pid").read_text(encoding="ascii"))
        os.kill(pid, signal.SIGQUIT)
        until = time.monotonic() + 10
        while (folder / "server" / "data" / "postmaster.pid").exists() and time.monotonic() < until:
            time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


_FOLDER = pytest.StashKey[tuple[Path, str | None]]()
_started: list[Any] = []


class Databases:
    """Databases on the run's PostgreSQL server, each new; a template makes that cheap (10 ms)."""

    def __init__(self, server: str) -> None:
        from sqlalchemy import create_engine, make_url  # noqa: PLC0415

        self._server = make_url(server).set(drivername="postgresql+psycopg")
        self._engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        self._names = (f"t{os.getpid()}_{number}" for number in itertools.count())
        self._template: str | None = None
        self._made: list[str] = []

    def empty(self) -> str:
        """The URL of a database without tables."""
        return self._make("template0")

    def new(self) -> str:
        """The URL of a database with our tables and nothing in them."""
        from newsletter import store  # noqa: PLC0415

        if self._template is None:
            made = self._make("template0")
            store.open(made).close()
            self._template = made.rpartition("/")[2]
        return self._make(self._template)

    def drop(self, url: str) -> None:
        """Remove the database, whoever is still connected."""
        name = url.rpartition("/")[2]
        self._made.remove(name)
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Do something on the server, as its superuser."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Remove all."""
        for name in self._made:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        self._engine.dispose()

    def _make(self, template: str) -> str:
        name = next(self._names)
        # Copying files is twice as fast as going through the log, where nothing waits for a disk.
        strategy = " STRATEGY FILE_COPY" if self._version() >= (15,) else ""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING \'UTF8\'{strategy}')
        self._made.append(name)
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        """The URL of a database on the server."""
        return self._server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    def _version(self) -> tuple[int, ...]:
        with self._engine.connect() as connection:
            return connection.dialect.server_version_info or ()


def _own_server() -> str:
    """The URL of the run's own server: the first process that needs it starts it, the run's end ends it."""
    from newsletter.rehearsal.postgresql import Cluster  # noqa: PLC0415

    folder = Path(os.environ[SESSION])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "url").exists():
            (folder / "server").mkdir(mode=0o711)
            server = Cluster(folder / "server").start()
            _started.append(server)
            (folder / "pid").write_text(str(server.pid), encoding="ascii")
            (folder / "url").write_text(server.url, encoding="ascii")
        return (folder / "url").read_text(encoding="ascii")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Databases]:
    """A PostgreSQL server for the whole run."""
    if find_postgresql() is None:
        pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")
    databases = Databases(os.environ.get(TEST_SERVER) or _own_server())
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with our tables and nothing in them: copying it is 50 times as fast as making it."""
    from newsletter import store  # noqa: PLC0415

    path = tmp_path_factory.mktemp("template") / "newsletter.db"
    store.open(store.sqlite_url(path)).close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a new database with our tables, once on each of the two databases."""
    from newsletter import store  # noqa: PLC0415

    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("database") / "newsletter.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield store.sqlite_url(path)
        return
    databases = request.getfixturevalue("postgresql")
    url = databases.new()
    yield url
    databases.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Any]:
    """A new database, open."""
    from newsletter import store  # noqa: PLC0415

    with closing(store.open(database_url)) as opened:
        yield opened


# --- Skipping is never silent ------------------------------------------------------------------------------------


def _may_skip(keywords: Any) -> bool:
    return "seed" in keywords and not SEED.is_file()


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"skipping is forbidden here (NEWSLETTER_FORBID_SKIPS): {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails where skipping is forbidden, the real roundup's excepted where that is not at hand."""
    report = yield
    expected = hasattr(report, "wasxfail")
    if FORBID_SKIPS and report.skipped and not expected and not _may_skip(item.keywords):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    if FORBID_SKIPS and report.outcome == "skipped":
        _refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out and why, where nobody overlooks it."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)
        for report in skipped
    )
    terminalreporter.section(f"NOT EVERYTHING WAS TESTED: {len(skipped)} skipped", sep="!", red=True, bold=True)
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:>5} × {reason}", red=True)


# --- No test leaves the machine ----------------------------------------------------------------------------------

_outside: list[str] = []


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or str(host).lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _host_of(event: str, arguments: tuple[Any, ...]) -> object:
    """The other side's host of an audited call; None where it is a path or is not given."""
    address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    return address[0] if isinstance(address, tuple) else address if event == "socket.getaddrinfo" else None


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}:
        return
    host = _host_of(event, arguments)
    if not _is_local(host):
        _outside.append(f"{event} {host!r}")
        raise RuntimeError(f"a test may use loopback only, and asked for {event} {host!r}")


# The interpreter's own audit: nothing is patched, and no library can get round it.
sys.addaudithook(_stay_here)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Fail a test that tried to leave the machine, even where the code under test swallowed the refusal."""
    _outside.clear()
    yield
    tried, _outside[:] = list(_outside), []
    assert not tried, f"tried to leave the machine: {tried}"
