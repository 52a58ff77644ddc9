"""The documents under test, and the commands of scripts/ as modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def docs() -> Path:
    """The folder of the documentation."""
    return ROOT / "docs"


@pytest.fixture
def reference_commands(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The maker of the page on the command line."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module("reference_commands")


@pytest.fixture
def python() -> str:
    """The interpreter that has the project."""
    return sys.executable
