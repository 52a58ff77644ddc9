"""The crash test itself, short: the long ones are run by hand and by scripts/crashtest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "crash_test.py"


@pytest.mark.parametrize("sender", ["smtp", "sendgrid"])
def test_killed_at_random_and_at_named_steps_nobody_is_lost_or_mailed_twice(sender):
    asked = ["--sender", sender, "--store", "sqlite", "--recipients", "300", "--kills", "6", "--seed", "7"]
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), *asked], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    verdict = json.loads(ran.stdout.splitlines()[-1])
    assert (verdict["lost"], verdict["twice"], verdict["balanced"]) == (0, 0, True)
    assert verdict["kills"] >= 6


def test_in_waves_whose_readers_change_their_clocks_while_schedulers_and_workers_die_it_is_the_same():
    asked = [
        "--waves",
        "6",
        "--sender",
        "smtp",
        "--store",
        "sqlite",
        "--recipients",
        "300",
        "--kills",
        "6",
        "--seed",
        "7",
    ]
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), *asked], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    verdict = json.loads(ran.stdout.splitlines()[-1])
    assert (verdict["lost"], verdict["twice"], verdict["balanced"]) == (0, 0, True)
    assert '"start.writing": 1' in ran.stderr


@pytest.mark.usefixtures("postgresql")
def test_ten_days_over_two_changes_of_clocks_with_a_death_at_each_step_each_issue_comes_once_at_its_instant(
    monkeypatch,
):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    asked = ["--days", "10", "--store", "postgres", "--schedulers", "2", "--workers", "4", "--seed", "5"]
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), *asked], capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    verdict = json.loads(ran.stdout.splitlines()[-1])
    assert (verdict["lost"], verdict["twice"], verdict["faults"], verdict["missed"]) == (0, 0, [], [])
    assert (verdict["issues"], verdict["wanted"] > 200) == (13, True)
