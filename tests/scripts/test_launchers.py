"""The commands of scripts/ as people start them: from anywhere, through a link, without Python, half set up.

Nothing is installed here: the environment is a stand-in that says of itself that it is ready. `.ci/run` is what makes a
real one.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "dirname", "basename", "readlink")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a space in its path, without an environment."""
    folder = tmp_path / "a checkout"
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with what every system has, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(Path(str(shutil.which(name))).resolve())
    return folder


def start(command: Path, *arguments: str, path: Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    settings = {"PATH": str(path), "HOME": str(path.parent), **environ}
    return subprocess.run(
        [command, *arguments], cwd=cwd, env=settings, capture_output=True, text=True, timeout=60, check=False
    )


def executable(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)


def base_python() -> Path:
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def environment_module(checkout: Path) -> Any:
    spec = importlib.util.spec_from_file_location("environment_under_test", checkout / "scripts" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stand_in(checkout: Path, kind: str, **changes: object) -> Path:
    """An environment whose `newsletter` repeats its arguments."""
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(base_python())
    executable(venv / "bin" / "newsletter", '#!/bin/sh\nprintf "<%s>" "$@"\n')
    state = {**environment_module(checkout).wanted(venv, kind), "ready": True, **changes}
    (venv / "newsletter-state.json").write_text(json.dumps(state), encoding="utf-8")
    return venv


@pytest.mark.parametrize("kind", ["run", "dev"])
def test_a_ready_environment_is_used_silently_and_options_are_passed_on(
    kind: str, checkout: Path, tools: Path, tmp_path: Path
) -> None:
    stand_in(checkout, kind)
    link = tmp_path / "link"
    link.symlink_to(checkout / "scripts" / "demo")
    for command in (checkout / "scripts" / "demo", link):
        answer = start(command, "--once", "--issue", "two words", path=tools, cwd=Path("/"))
        assert (answer.returncode, answer.stderr) == (0, "")
        assert answer.stdout == "<demo><--once><--issue><two words>"


@pytest.mark.parametrize(
    "change", [{"lock": "0" * 64}, {"project": "0" * 64}, {"ready": False}, {"venv": "elsewhere"}, {"python": "3.10"}]
)
def test_an_environment_that_is_not_as_locked_is_not_ready(change: dict[str, object], checkout: Path) -> None:
    venv = stand_in(checkout, "run", **change)
    assert not environment_module(checkout).ready(venv, "run", str(venv / "bin" / "python"))


def test_an_environment_for_running_does_not_do_for_development(checkout: Path) -> None:
    venv = stand_in(checkout, "run")
    assert not environment_module(checkout).ready(venv, "dev", str(venv / "bin" / "python"))


def test_an_environment_whose_python_is_gone_is_not_ready(checkout: Path) -> None:
    venv = stand_in(checkout, "run")
    (venv / "bin" / "python").unlink()
    assert not environment_module(checkout).ready(venv, "run", sys.executable)


@pytest.mark.parametrize("found", [None, "#!/bin/sh\nexit 1\n"])
def test_without_a_recent_python_it_says_what_to_install(found: str | None, checkout: Path, tools: Path) -> None:
    if found:
        executable(tools / "python3", found)
    answer = start(checkout / "scripts" / "test", path=tools, cwd=checkout)
    assert answer.returncode == 3
    assert answer.stdout == ""
    assert "scripts/test: needs Python 3.11 or newer" in answer.stderr
    assert "apt-get install python3" in answer.stderr


def test_without_the_venv_module_it_names_the_package(checkout: Path, tools: Path) -> None:
    text = f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec "{base_python()}" "$@"\n'
    executable(tools / "python3", text)
    answer = start(checkout / "scripts" / "demo", path=tools, cwd=checkout)
    assert answer.returncode == 3
    assert f"apt-get install python3.{sys.version_info.minor}-venv" in answer.stderr


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Path, tools: Path, tmp_path: Path) -> None:
    (tools / "python3").symlink_to(base_python())
    precious = tmp_path / "mine" / "letter.txt"
    precious.parent.mkdir()
    precious.touch()
    command = checkout / "scripts" / "demo"
    answer = start(command, path=tools, cwd=checkout, NEWSLETTER_VENV=str(precious.parent))
    assert answer.returncode == 3
    assert "is no virtual environment" in answer.stderr
    assert precious.exists()


def test_an_active_environment_of_something_else_is_not_touched(checkout: Path, tmp_path: Path) -> None:
    find = environment_module(checkout).find
    active = tmp_path / "active"
    active.mkdir()
    assert find({"VIRTUAL_ENV": str(active)}) == checkout / ".venv"
    (active / "newsletter-state.json").write_text(json.dumps({"root": str(checkout)}), encoding="utf-8")
    assert find({"VIRTUAL_ENV": str(active)}) == active
    assert find({"VIRTUAL_ENV": str(active), "NEWSLETTER_VENV": str(tmp_path / "named")}) == tmp_path / "named"
