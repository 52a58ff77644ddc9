import os
import signal
import subprocess
import sys
import threading

from newsletter.delivery.taking_turns import turn

HOLDER = """
import sys, threading
from pathlib import Path
from newsletter.delivery.taking_turns import turn
with turn(Path(sys.argv[1]), stop=threading.Event(), on_wait=print) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_works_and_takes_over_when_that_one_is_killed(tmp_path):
    lock = tmp_path / "worker.lock"
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "True\n"
        told = []

        def waits(process):
            told.append(process)
            os.kill(first.pid, signal.SIGKILL)

        with turn(lock, stop=threading.Event(), on_wait=waits) as mine:
            assert mine
    assert told == [str(first.pid)]


def test_who_is_asked_to_stop_waits_no_longer(tmp_path):
    stop, told = threading.Event(), []

    def waits(process):
        told.append(process)
        stop.set()

    with (
        turn(tmp_path / "lock", stop=threading.Event(), on_wait=told.append) as first,
        turn(tmp_path / "lock", stop=stop, on_wait=waits) as second,
    ):
        assert (first, second) == (True, False)
    assert told == [str(os.getpid())]
    with turn(tmp_path / "lock", stop=threading.Event(), on_wait=told.append) as after:
        assert after
