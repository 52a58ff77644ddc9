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
