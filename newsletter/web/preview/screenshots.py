"""Pictures of an e-mail, taken by whichever Chromium the machine has, through its own command line."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from newsletter.errors import InputError
from newsletter.web.preview.look import Shown
from newsletter.web.preview.sheets import create_sheets
from newsletter.web.preview.views import PHONE, VIEWS, View
from newsletter.web.serving import Server

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
"""Names of Chromium and its kin on PATH, the first one found is taken."""

HIGHEST = 8_000
"""CSS pixels. Chromium paints no picture of more than 16,384 dots, and phones have two to a pixel."""

_SECONDS = 60.0
_HEIGHT = re.compile(r'\bdata-height="(\d{1,9})"')
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--disable-quic",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Camera:
    """A browser that is started anew for each picture."""

    browser: str
    server: str

    def photograph(self, view: View, folder: Path) -> Path:
        """The picture of one view in `folder`."""
        picture = folder / f"{view.key}.png"
        with tempfile.TemporaryDirectory(prefix="newsletter-browser-") as profile:
            found = _HEIGHT.search(self._run(view, profile, 600, "--dump-dom"))
            if found is None:
                raise _failed(self.browser, "it could not show the e-mail")
            height = min(int(found[1]), HIGHEST)
            said = self._run(view, profile, height, f"--screenshot={picture}")
        if not picture.is_file():
            raise _failed(self.browser, (said.strip().splitlines() or ["it wrote no picture"])[-1])
        return picture

    def _run(self, view: View, profile: str, height: int, *what: str) -> str:
        command = [
            self.browser,
            *_FLAGS,
            # Chromium's own sandbox does not work for root, as in most containers.
            *(("--no-sandbox",) if os.geteuid() == 0 else ()),
            f"--user-data-dir={profile}",
            f"--force-device-scale-factor={2 if view.width == PHONE else 1}",
            f"--window-size={view.width},{height}",
            *what,
            f"{self.server}/sheets/{view.key}",
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - no shell
        except subprocess.TimeoutExpired as error:
            raise _failed(self.browser, f"it took longer than {_SECONDS:g} s") from error
        except OSError as error:
            raise _failed(self.browser, error.strerror or str(error)) from error
        return (done.stdout or done.stderr).decode("utf-8", "replace")


def find_browser() -> str:
    """The path of a Chromium on PATH.

    Raises:
        InputError: there is none.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise InputError(
        "no Chromium or Chrome is installed",
        where="PATH",
        remedy="Install one, or look at the preview without --screenshots in the browser that you have",
    )


def take_screenshots(shown: Shown, folder: Path) -> list[Path]:
    """Write one PNG for each view of the HTML into `folder`, `desktop.png` and so on; gives their paths.

    Desktop views are 700 CSS pixels wide, phones 375 with two dots to a pixel. None is written before all could be taken.

    Raises:
        InputError: no browser is installed or it fails, or the folder cannot be written to.
    """
    browser = find_browser()
    views = [view for view in VIEWS if view.framed]
    fresh = folder / f".new-{secrets.token_hex(4)}"
    try:
        fresh.mkdir(parents=True)
        with Server(create_sheets(shown)) as server, ThreadPoolExecutor(3) as pool:
            camera = _Camera(browser=browser, server=server.url)
            pictures = list(pool.map(partial(camera.photograph, folder=fresh), views))
        return [picture.replace(folder / picture.name) for picture in pictures]
    except OSError as error:
        fault = error.strerror or str(error)
        raise InputError(f"cannot be written: {fault}", where=str(folder), remedy="Name another folder") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _failed(browser: str, why: str) -> InputError:
    return InputError(
        f"the browser took no picture: {why[:300]}",
        where=browser,
        remedy="See whether it runs as `--headless --screenshot` by itself",
    )
