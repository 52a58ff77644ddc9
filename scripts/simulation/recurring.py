"""Issues in files: a recurring list has each day's approved issue scheduled by itself, and an edit takes that back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import tomlkit

from newsletter.issues import load
from newsletter.issues.naming import ISSUE_FILE
from newsletter.publishing import approvals
from newsletter.publishing.examining import examine
from newsletter.rehearsal.newsroom import SAMPLE
from newsletter.roundups import Outlets
from newsletter.settings import defaults
from simulation.hosts import Process

if TYPE_CHECKING:
    from simulation.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Where editors compose issues for recurring lists. `at` does something at an instant, unless the run is about to end."""

    world: World
    at: Callable[[float, str, Callable[[], None]], None]

    def plan(self, name: str, day: date, due: float) -> None:
        """Compose the day's issue and approve it; now and then edit it once more, and approve that or not."""
        chance, slug = self.world.chance, f"{day}-{name}"
        ahead = due - chance.uniform(900, 20_000)
        self.at(ahead, "an editor", lambda: self._compose(slug, name, day, 1, approve=True))
        if chance.happens(0.5):
            later, approve = chance.uniform(ahead, due), chance.happens(0.5)
            self.at(later, "an editor", lambda: self._compose(slug, name, day, 2, approve=approve))

    def _compose(self, slug: str, name: str, day: date, version: int, *, approve: bool) -> None:
        world, room, mark = self.world, self.world.room, f"{slug}-v{version}"

        def act(process: Process) -> str:
            folder = room.settings.issues / slug
            if not folder.exists():
                source = next((defaults() / "issues").glob(f"*-{SAMPLE}"))
                shutil.copytree(source, folder)
            document = tomlkit.parse((folder / ISSUE_FILE).read_text(encoding="utf-8"))
            title = f"edition {mark}"
            document.update({"date": day, "title": title, "subject": title, "lists": [name]})
            (folder / ISSUE_FILE).write_text(tomlkit.dumps(document), encoding="utf-8")
            store, now, outlets = process.store, process.clock(), Outlets()
            if store is None:
                raise AssertionError("a process without a database")
            examined = examine(
                store, load(room.settings, slug, outlets=outlets), room.settings, outlets=outlets, now=now
            )
            room.digests[mark] = examined.digest
            if not approve:
                return "edited, not approved"
            world.checker.approved.add(examined.digest)
            approvals.approve(store, examined, user=room.editor, now=now)
            return "approved"

        world.command(f"compose {mark}", act)
