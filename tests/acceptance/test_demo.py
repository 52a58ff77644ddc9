"""`newsletter demo`: from a file to 500 inboxes with one command, judged by what it says and by what it leaves."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from newsletter.settings import defaults

ROUNDUP = next((defaults() / "issues").glob("*-ferry-*")) / "roundup.txt"


def judge(out, readers=500):
    """Nothing but the line is on stdout, and the line says that everybody got it."""
    (line,) = out.splitlines()
    answer = json.loads(line)
    assert answer.keys() == {"sent", "inbox", "edition", "seconds"}
    assert answer["sent"] == answer["inbox"] == readers
    assert len(bytes.fromhex(answer["edition"])) == 32


def test_once_sends_the_sample_to_500_and_leaves_nothing(newsletter, tmp_path):
    judge(newsletter.run("demo", "--once", cwd=tmp_path, TMPDIR=str(tmp_path)))
    assert not list(tmp_path.iterdir())


@pytest.mark.seed
def test_once_sends_the_real_roundup_to_500(newsletter, seed_file, tmp_path):
    judge(newsletter.run("demo", "--once", "--issue", seed_file, cwd=tmp_path, TMPDIR=str(tmp_path)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_demo_shows_its_inbox_until_it_is_stopped(newsletter, tmp_path, number):
    process = newsletter.start("demo", "--readers", "3", "--port", "0", cwd=tmp_path, TMPDIR=str(tmp_path))
    address = process.stdout.readline().split()[-1]
    folder = process.stdout.readline().split(maxsplit=1)[1].strip()
    assert [str(each) for each in tmp_path.iterdir()] == [folder]
    with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310 - our own loopback
        text = page.read().decode()
    assert "reader0001@" in text
    assert int(re.search(r"Inbox \((\d+)\)", text)[1]) >= 3
    process.send_signal(number)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, ""), errors
    assert not list(tmp_path.iterdir())
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=2)  # noqa: S310


def test_two_demos_at_once_do_not_fight_for_a_port(newsletter, tmp_path):
    demo = ("demo", "--once", "--readers", "2", "--issue", ROUNDUP)
    both = [newsletter.start(*demo, cwd=tmp_path) for _ in range(2)]
    for process in both:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        judge(out, readers=2)


def test_a_demo_stopped_while_it_begins_leaves_nothing(newsletter, tmp_path, wait_until):
    process = newsletter.start("demo", "--port", "0", cwd=tmp_path, TMPDIR=str(tmp_path))
    wait_until(lambda: list(tmp_path.iterdir()))
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=20)
    assert out == ""
    assert process.returncode in {1, 130}, errors
    assert not list(tmp_path.iterdir())


def test_a_wheel_carries_all_that_the_demo_needs(tmp_path):
    """Built from this checkout, unpacked into an empty folder, run in another: no file of the checkout is near."""
    root, wheels, target, empty = defaults(), tmp_path / "wheels", tmp_path / "target", tmp_path / "empty"
    empty.mkdir()
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels]
    subprocess.run(build, cwd=root, check=True, capture_output=True, timeout=60)
    (wheel,) = wheels.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", target, wheel]
    subprocess.run(pip, check=True, capture_output=True, timeout=60)
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(target), "TMPDIR": str(empty)}
    where = [sys.executable, "-c", "import newsletter.settings as s; print(s.defaults())"]
    found = subprocess.run(where, cwd=empty, env=environ, check=True, capture_output=True, text=True).stdout.strip()
    assert found == str(target / "newsletter" / "defaults")
    done = subprocess.run(
        [sys.executable, target / "bin" / "newsletter", "demo", "--once", "--readers", "5"],
        cwd=empty,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    judge(done.stdout, readers=5)
    assert not list(empty.iterdir())
