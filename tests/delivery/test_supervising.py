import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from newsletter.delivery.supervising import Supervisor, with_supervisor
from newsletter.errors import InputError

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


def test_a_ctrl_c_on_the_terminal_reaches_the_supervisor_alone():
    supervisor = Supervisor({"one": SLEEPER}, say=lambda _: None)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        until(lambda: supervisor.running)
        assert os.getsid(supervisor.running["one"]) != os.getsid(0)
    finally:
        supervisor.stop()
        thread.join(20)


CHILD = """
import threading
from newsletter.delivery.supervising import with_supervisor
stop = threading.Event()
with with_supervisor(stop.set, supervised=True):
    print("child", flush=True)
    stop.wait(30)
    print("left in good order", flush=True)
"""
PARENT = f"""
import sys
import pytest

from newsletter.delivery.supervising import Supervisor, with_supervisor
Supervisor({{"one": [sys.executable, "-c", {CHILD!r}]}}, say=lambda _: None).run()
"""


def test_the_children_of_a_killed_supervisor_leave_in_good_order():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "child\n"
        parent.kill()
        # The child alone holds the other end now: this ends with it.
        assert parent.stdout.read() == "left in good order\n"


def test_whom_nobody_supervises_does_not_look_at_standard_input():
    with with_supervisor(lambda: pytest.fail("stopped"), supervised=False):
        assert not any(thread.name == "supervisor" for thread in threading.enumerate())


def refusing(words):
    return [sys.executable, "-c", f"import sys; print({words!r}, file=sys.stderr); sys.exit(2)"]


def test_bad_input_at_the_first_start_ends_all_with_the_words_of_who_was_refused(capfd):
    said = []
    supervisor = Supervisor({"pages": refusing("port 8025 is taken"), "worker": SLEEPER}, say=said.append)
    with pytest.raises(InputError, match="pages cannot start"):
        supervisor.run()
    assert capfd.readouterr().err.count("port 8025 is taken") == 1
    assert said[-1] == "worker: ended (SIGTERM)"


def test_what_was_up_before_is_started_again_also_after_bad_input(tmp_path):
    # The first time it crashes, then the database is away, then all is well.
    code = f"""
import pathlib, sys, time
times = pathlib.Path({str(tmp_path)!r}) / "times"
done = len(times.read_text()) if times.exists() else 0
times.write_text("x" * (done + 1))
sys.exit((3, 2)[done]) if done < 2 else time.sleep(60)
"""
    said = []
    supervisor = Supervisor({"one": [sys.executable, "-c", code]}, say=said.append)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        until(lambda: sum("started, process" in line for line in said) == 3)
    finally:
        supervisor.stop()
        thread.join(20)
    assert [line.split(";")[0] for line in said if "started again" in line] == [
        "one: ended (exit code 3)",
        "one: ended (exit code 2)",
    ]
