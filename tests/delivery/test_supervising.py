import os
import signal
import sys
import threading
import time

from newsletter.delivery.supervising import Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(condition, seconds=20.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_what_dies_is_started_again_and_the_others_are_left_alone():
    said = []
    supervisor = Supervisor({"one": SLEEPER, "two": SLEEPER}, say=said.append)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        until(lambda: len(supervisor.running) == 2)
        before = supervisor.running
        os.kill(before["one"], signal.SIGKILL)
        until(lambda: supervisor.running.get("one") not in {None, before["one"]})
        assert supervisor.running["two"] == before["two"]
    finally:
        supervisor.stop()
        thread.join(20)
    assert not thread.is_alive()
    assert any("one: ended (SIGKILL); started again in" in line for line in said)
    assert said[-1].endswith("ended (SIGTERM)")


def test_what_keeps_dying_is_started_ever_more_slowly():
    said = []
    supervisor = Supervisor({"one": [sys.executable, "-c", "raise SystemExit(3)"]}, say=said.append)
    give_up = time.monotonic() + 20
    while sum("ended" in line for line in said) < 3 and time.monotonic() < give_up:
        supervisor.run_once()
        time.sleep(0.02)
    waits = [float(line.split()[-2]) for line in said if "ended (exit code 3)" in line]
    assert len(waits) == 3
    assert waits == sorted(waits)
