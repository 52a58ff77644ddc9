import os
import signal
import subprocess
import sys

import pytest

from newsletter.delivery.identity import is_dead, own_name

NAMED = "from newsletter.delivery.identity import own_name; print(own_name(), flush=True); input()"


@pytest.fixture
def other():
    process = subprocess.Popen([sys.executable, "-c", NAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_this_process_is_alive():
    assert not is_dead(own_name())


def test_another_process_is_dead_once_it_was_killed(other):
    name = other.stdout.readline().strip()
    assert not is_dead(name)
    os.kill(other.pid, signal.SIGKILL)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(name), "a zombie"
    other.wait()
    assert is_dead(name)


def test_a_number_that_passed_to_another_process_is_a_dead_one():
    machine, number, _, word = own_name().split("/")
    assert is_dead(f"{machine}/{number}/1/{word}")


@pytest.mark.parametrize("name", ["elsewhere/1/1/x", "", "nonsense", "a/b/c/d"])
def test_what_cannot_be_known_is_not_called_dead(name):
    assert not is_dead(name)


def test_two_workers_in_one_process_have_two_names():
    assert own_name() != own_name()
