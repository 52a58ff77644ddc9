"""What every test shares: the real roundup where it is at hand, the rules for skipping, no network, profiles."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT.parent / "shared" / "seeds"
SEED = SEEDS / "roundup-2024-06-20.txt"
FORBID_SKIPS = os.environ.get("NEWSLETTER_FORBID_SKIPS", "") not in {"", "0"}

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
    """The path of PostgreSQL's server; Debian keeps it outside of PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return shutil.which("postgres") or (str(installed[-1]) if installed else None)


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
