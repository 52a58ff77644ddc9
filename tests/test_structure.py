"""The architecture, held by tests: the floors, the folders, the words, what the wheel carries, what is committed."""

from __future__ import annotations

import ast
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "newsletter"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "defaults" not in path.relative_to(PACKAGE).parts)
LONGEST_MODULE = 400
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "service", "services", "tools"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tool(*command: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    everything = [sys.executable, "-m", *command]
    settings = {**os.environ, "NO_COLOR": "1", "COLUMNS": "400", **environ}
    return subprocess.run(everything, cwd=cwd, env=settings, capture_output=True, text=True, timeout=120, check=False)


# --- Floors ------------------------------------------------------------------------------------------------------

LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"

# Station, what is planted in it, and how the linter names it.
PLANTED = [
    ("roundups", "from newsletter import cli", "newsletter.roundups.planted -> newsletter.cli"),
    ("clock", "import newsletter.settings", "newsletter.clock -> newsletter.settings"),
    ("findings", "import newsletter.errors", "newsletter.findings -> newsletter.errors"),
    ("issues", "import newsletter.rendering", "newsletter.issues.planted -> newsletter.rendering"),
    ("store", "def later():\n    import newsletter.delivery", "newsletter.store.planted -> newsletter.delivery"),
    ("audience", "import jinja2", "newsletter.audience.planted -> jinja2"),
    ("web", "import premailer", "newsletter.web.planted -> premailer"),
    ("checks", "from mjml import mjml2html", "newsletter.checks.planted -> mjml"),
    ("delivery", "import smtplib", "newsletter.delivery.planted -> smtplib"),
    ("events", "from sendgrid import SendGridAPIClient", "newsletter.events.planted -> sendgrid"),
    ("checks", "import httpx", "newsletter.checks.planted -> httpx"),
    ("reports", "from fastapi import FastAPI", "newsletter.reports.planted -> fastapi"),
    ("web", "import typer", "newsletter.web.planted -> typer"),
]
ALLOWED = [
    ("delivery/senders", "import smtplib, sendgrid"),
    ("rendering", "import jinja2, mjml, premailer"),
    ("web", "import fastapi, jinja2"),
    ("cli", "import typer"),
]


def plant(package: Path, station: str, code: str) -> None:
    folder = package / station
    file = (
        folder / "planted.py"
        if folder.is_dir() or not folder.with_suffix(".py").exists()
        else folder.with_suffix(".py")
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    for above in (file.parent, *file.parent.parents):
        if above == package.parent:
            break
        (above / "__init__.py").touch()
    with file.open("a", encoding="utf-8") as text:
        text.write(f"\n{code}\n")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "pyproject.toml", folder)
    settings = {**os.environ, "NO_COLOR": "1", "COLUMNS": "400", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", LINT_IMPORTS, "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=120, check=False)


def copy_package(folder: Path) -> Path:
    """Only what decides imports, so that the copy is small."""
    for path in MODULES:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder / "newsletter"


def test_imports_only_point_upstream(tmp_path: Path) -> None:
    copy_package(tmp_path)
    answer = lint_imports(tmp_path)
    assert answer.returncode == 0, answer.stdout
    assert "0 broken" in answer.stdout


def test_planted_downstream_and_foreign_imports_are_refused(tmp_path: Path) -> None:
    package = copy_package(tmp_path)
    plant(package, "cli", "")
    for station, code, _ in PLANTED:
        plant(package, station, code)
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1
    missing = [line for _, _, line in PLANTED if line not in answer.stdout]
    assert not missing, answer.stdout


def test_libraries_are_allowed_where_they_belong(tmp_path: Path) -> None:
    package = copy_package(tmp_path)
    for station, code in ALLOWED:
        plant(package, station, code)
    answer = lint_imports(tmp_path)
    assert answer.returncode == 0, answer.stdout


def test_a_new_folder_has_to_take_its_floor(tmp_path: Path) -> None:
    package = copy_package(tmp_path)
    plant(package, "newcomer", "")
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1
    assert "newcomer" in answer.stdout


@pytest.mark.parametrize("code", ["import urllib.request", "from urllib import request", "from http import client"])
def test_http_clients_of_the_standard_library_are_refused_outside_of_senders(code: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for station in ("audience", "delivery/senders"):
        plant(tmp_path / "newsletter", station, code)
    answer = tool("ruff", "check", "--no-cache", "--select", "TID251", "--output-format", "concise", ".", cwd=tmp_path)
    assert answer.returncode == 1
    assert "audience/planted.py" in answer.stdout
    assert "senders/planted.py" not in answer.stdout


# --- Folders and words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE, "split it by noun"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_names_say_what_is_inside(path: Path) -> None:
    words = {word for part in path.relative_to(PACKAGE).with_suffix("").parts for word in part.split("_")}
    assert not words & VAGUE


def test_every_package_says_what_it_is_for() -> None:
    folders = {path.parent for path in MODULES}
    silent = [
        named(folder)
        for folder in sorted(folders)
        if not (folder / "__init__.py").is_file()
        or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    ]
    assert not silent


def test_the_root_package_imports_nothing() -> None:
    """It belongs to no floor, so an import in it would be one that no contract sees."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_test_folders_mirror_the_stations() -> None:
    stations = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert folders - stations <= {"acceptance", "docs", "scripts", "judges"}


# --- The wheel ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    answer = tool("hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_carries_every_module_and_data_file(wheel_names: set[str]) -> None:
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in {".pyc", ".pyo"}]
    kept = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert kept <= wheel_names


def test_the_wheel_carries_the_defaults_of_a_new_newsroom(wheel_names: set[str]) -> None:
    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert templates
    wanted = {f"newsletter/defaults/{path.relative_to(ROOT)}" for path in templates}
    wanted |= {"newsletter/defaults/outlets.toml", "newsletter/defaults/newsletter.toml"}
    assert wanted <= wheel_names


def test_the_wheel_carries_nothing_else(wheel_names: set[str]) -> None:
    strange = {name for name in wheel_names if not name.startswith(("newsletter/", "newsletter-"))}
    assert not strange
    assert not [name for name in wheel_names if "__pycache__" in name or "/tests/" in name]


# --- What is committed -------------------------------------------------------------------------------------------


def test_the_locks_are_in_step_with_the_project() -> None:
    answer = subprocess.run(
        [sys.executable, "scripts/locks.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def test_an_outdated_lock_is_noticed(tmp_path: Path) -> None:
    for folder in ("scripts", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(project.replace('"idna>=3.10', '"idna>=3.11'), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "scripts/locks.py", "--check"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "run.lock was made from other dependencies" in answer.stderr
    assert "run scripts/lock" in answer.stderr


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.md", "see /" + "home/jo/newsletter for it", "a.md:1: an absolute path"),
        ("a.py", "\nX = '/" + "root/x'", "a.py:2: an absolute path"),
        ("a.lock", "--extra-" + "index-url https://example.org/pypi", "the address of a package index"),
        ("a.json", '"resolved' + '": "https://packages.example/x"', "the address of a package index"),
        ("a.txt", "x @ https://packages.example/x-1.0" + ".whl", "the address of a package index"),
        ("a.min.js", "x", "minified"),
        ("a.css", "a{}" * 400, "minified"),
    ],
)
def test_what_must_not_be_committed_is_named(name: str, text: str, fault: str, tmp_path: Path) -> None:
    assert_tracked(tmp_path, {name: text}, fault)


def test_ordinary_paths_and_addresses_may_be_committed(tmp_path: Path) -> None:
    text = "#!/usr/bin/env bash\nhttps://example.com/home/a /usr/bin/chromium /tmp/x ../roots/ --no-emit-index-url\n"
    assert_tracked(tmp_path, {"a.sh": text}, None)


def assert_tracked(folder: Path, files: dict[str, str], fault: str | None) -> None:
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "tracked.py", folder / "scripts")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "scripts/tracked.py"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == (1 if fault else 0), answer.stdout
    assert (fault or "nothing found") in answer.stdout


@pytest.mark.seed
def test_no_sentence_of_the_real_roundup_is_committed(seed_file: Path) -> None:
    lines = [line.strip() for line in seed_file.read_text(encoding="utf-8").splitlines()]
    openings = [line[:60] for line in lines if len(line) > 80]
    assert openings
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("this copy is no git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()}
    found = [named(path) for path, text in texts.items() if any(opening in text for opening in openings)]
    assert not found


# --- Tests stay on the machine -----------------------------------------------------------------------------------


def test_the_guard_lets_loopback_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_the_guard_refuses_other_machines(pytester: pytest.Pytester) -> None:
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        """
        import contextlib, socket

        def test_refused():
            socket.getaddrinfo("example.org", 25)

        def test_swallowed():
            with contextlib.suppress(RuntimeError):
                socket.create_connection(("192.0.2.1", 25), timeout=1)

        def test_all_interfaces():
            socket.create_server(("0.0.0.0", 0))
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"failed": 2, "passed": 1, "errors": 3}
    result.stdout.fnmatch_lines(["*tried to leave the machine*"])


def test_skips_are_named_at_the_end_or_refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n    seed: x\n")
    pytester.makepyfile(
        test_one="import pytest\ndef test_a(): pytest.skip('no such thing')\n"
        "@pytest.mark.seed\ndef test_b(seed_file): pass\n",
        test_two="import pytest\npytest.skip('a whole file', allow_module_level=True)\n",
    )
    monkeypatch.delenv("NEWSLETTER_FORBID_SKIPS", raising=False)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"skipped": 3}
    result.stdout.fnmatch_lines(["*NOT EVERYTHING WAS TESTED: 3 skipped*", "*1 × no such thing"])

    monkeypatch.setenv("NEWSLETTER_FORBID_SKIPS", "1")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--continue-on-collection-errors")
    assert result.parseoutcomes() == {"skipped": 1, "failed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*skipping is forbidden here*no such thing*"])
