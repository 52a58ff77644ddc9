"""The benchmarks still run; what they measure is read by people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.parametrize("name", sorted(path.stem.removeprefix("bench_of_") for path in SCRIPTS.glob("bench_of_*.py")))
def test_a_benchmark_prints_each_way_with_its_unit_and_target(name: str) -> None:
    command = [sys.executable, SCRIPTS / f"bench_of_{name}.py", "--quick", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)["rows"]
    assert len(rows) >= 5
    assert all(row["unit"] and row["value"] >= 0 for row in rows)
    assert sum(row["target"] is not None for row in rows) >= 2
