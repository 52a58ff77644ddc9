"""Days under a driven clock: schedulers and workers in processes of their own, killed at each step, on a real database.

Each hour at which something is due comes in three strokes: a second before it, at which nothing may be sent; the hour
itself, at which exactly those may get exactly that issue whose clocks say so by another reckoning; and rest, before which
the next hour does not come. What was sent is what the provider's log says.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from crash_days_children import Child, Children
from crash_days_clock import DrivenClock
from crash_days_judge import Judge
from crash_days_room import EVENING, FIRST, LIMIT, MORNING, Made, Room, has_slot, instant

from newsletter.app import App
from newsletter.delivery import control
from newsletter.delivery.steps import SCHEDULER_STEPS
from newsletter.rehearsal.sendgrid import Provider
from newsletter.rehearsal.sendgrid.provider import KEY
from newsletter.settings import hour_of_day, load

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
EDITORS_HOUR = timedelta(hours=9)
"""At which (UTC) the editor signs the next day's issues: before the first wave of the morning's, in Auckland."""

DWELL = 0.25
"""Seconds at a stroke at which nothing is to happen: workers look at least every half second, and there are several."""

FREEZES = ("freeze.writing", "freeze.committed")
STEPS = (*SCHEDULER_STEPS, *FREEZES)
ALL_TURNS = 10
"""Days after which everything has gone wrong once."""

_HOURS_OF_TWO = ((hour_of_day("02:30"), "Europe/London"), (hour_of_day("06:15"), "Asia/Kathmandu"))

Arrival = Callable[[datetime], None]


class Days:
    """The run: what people do, and what goes wrong. `story` is what happened."""

    def __init__(
        self, app: App, room: Room, children: Children, judge: Judge, *, clock: DrivenClock, seed: int
    ) -> None:
        self._app, self._room, self._children, self._judge, self._clock = app, room, children, judge, clock
        self._dice = random.Random(seed)
        self._arrivals: dict[datetime, Arrival] = {}
        self._mornings, self._evenings = self._turns_of_mornings(), self._turns_of_evenings()
        # Nothing was ready on the day before the first.
        judge.alarms += [f"NOT-READY list:{name}:{FIRST - timedelta(days=1)}" for name in (EVENING, MORNING)]
        self.story: list[str] = []

    def run(self, days: int) -> None:
        for number in range(days):
            day = FIRST + timedelta(days=number)
            eve = datetime.combine(day - timedelta(days=1), datetime.min.time(), self._clock().tzinfo) + EDITORS_HOUR
            self._arrivals[eve] = lambda hour, day=day: self._sign(hour, day)  # type: ignore[misc]
        while (hour := self._next()) is not None and not self._judge.faults:
            self._come_before(hour)
            self._arrivals.pop(hour, self._go)(hour)
            self._judge.expect(hour)
            self._strike_one(hour)

    def _next(self) -> datetime | None:
        now = self._clock()
        due = [at for address, slug, at in self._room.wanted() if at > now]
        return min([*due, *(at for at in self._arrivals if at > now)], default=None)

    def _come_before(self, hour: datetime) -> None:
        if hour - SECOND > self._clock():
            self._go(hour - SECOND)
            time.sleep(DWELL)
            self._judge.note(hour - SECOND)

    def _go(self, hour: datetime, which: list[Child] | None = None) -> None:
        self._clock.set(hour)
        self._children.go(hour, which)

    # --- What people do, and what goes wrong -------------------------------------------------------------------

    def _sign(self, hour: datetime, day: date) -> None:
        """The editor signs the day's issues: one goes by itself, the other is scheduled. They have their turns then."""
        self._clock.set(hour)
        go: Arrival = self._go
        if has_slot(MORNING, day):
            go = next(self._mornings)(day, hour)
        if has_slot(EVENING, day):
            made = self._room.write(EVENING, day)
            self._room.schedule(made)
            next(self._evenings, lambda _: None)(made)
        go(hour)

    def _turns_of_mornings(self) -> Iterator[Callable[..., Arrival]]:
        for step in ("start.writing", "start.committed"):
            yield lambda day, _, step=step: self._scheduler_dies_at_the_start(day, step)
        for step in FREEZES:
            yield lambda day, _, step=step: self._worker_dies(day, step)
        yield self._scheduler_dies_at_the_slot
        yield self._somebody_moves
        yield lambda day, _: self._nobody_signs(day)
        yield lambda day, _: self._some_come_and_go(day)
        while True:
            yield lambda day, _: self._as_always(day)

    def _turns_of_evenings(self) -> Iterator[Callable[..., None]]:
        yield lambda made: self._outage(made, length=2 * HOUR)
        yield lambda _: None
        yield self._outage_too_long

    def _as_always(self, day: date) -> Arrival:
        self._room.write(MORNING, day)
        return self._go

    def _first_due(self, made: Made) -> datetime:
        return min(at for _, slug, at in self._room.wanted() if slug == made.slug)

    def _scheduler_dies_at_the_start(self, day: date, step: str) -> Arrival:
        made = self._room.write(MORNING, day)
        self._arrivals[self._first_due(made)] = lambda hour: self._scheduler_dies(hour, step)
        return self._go

    def _scheduler_dies_at_the_slot(self, day: date, hour: datetime) -> Arrival:
        """The editor is late: Auckland's hour has passed, and its readers are left out, which people are told."""

        def arrive(later: datetime) -> None:
            self._clock.set(later)
            made = self._room.write(MORNING, day)
            self._scheduler_dies(later, "slot.committed")
            self._judge.alarms.append(f"WAVES-MISSED mailing:{self._room.mailing_of(made.slug)}")

        self._arrivals[hour + 5 * HOUR] = arrive
        return self._go

    def _somebody_moves(self, day: date, hour: datetime) -> Arrival:
        """A reader in Kathmandu goes to Tokyo once the issue is scheduled, where nobody has been.

        And one in London to Auckland when its hour has passed there, and has not come in London.
        """
        made = self._room.write(MORNING, day)

        def arrive(later: datetime) -> None:
            self._room.move("m50@readers.example", "Asia/Tokyo", "05:00")
            self._scheduler_dies(later, "waves.writing")

        def arrive_later(later: datetime) -> None:
            self._room.too_late(made, "m10@readers.example", "Pacific/Auckland")
            self._go(later)

        self._arrivals |= {hour + 30 * MINUTE: arrive, hour + 11 * HOUR: arrive_later}
        return self._go

    def _nobody_signs(self, day: date) -> Arrival:
        self._tell(f"nobody signs the morning's issue of {day}")
        self._judge.alarms.append(f"NOT-READY list:{MORNING}:{day}")
        return self._go

    def _some_come_and_go(self, day: date) -> Arrival:
        """One joins and one leaves a second before the hour of their clock."""
        self._room.write(MORNING, day)
        london, kathmandu = (instant(day, *clock) for clock in _HOURS_OF_TWO)

        def join(at: datetime) -> None:
            self._room.join("late@readers.example", "Europe/London", at)
            self._go(at)

        def leave(at: datetime) -> None:
            self._room.leave("m51@readers.example", at)
            self._go(at)

        self._arrivals |= {london - 2 * SECOND: join, kathmandu - 2 * SECOND: leave}
        return self._go

    def _outage(self, made: Made, *, length: timedelta) -> None:
        """No scheduler runs from before its hour until so long after it: it goes out at once then."""
        due = self._first_due(made)
        self._room.put_off(made, due + length)
        self._arrivals |= {due - MINUTE: self._no_scheduler, due + length: self._schedulers_again}

    def _outage_too_long(self, made: Made) -> None:
        """The same past the limit: it is held, by one of two and told once, until a person gives it more time."""
        found = self._first_due(made) + LIMIT + MINUTE
        self._arrivals |= {self._first_due(made) - MINUTE: self._no_scheduler, found: self._hold}
        self._arrivals[found + 10 * MINUTE] = lambda hour: self._resume(made, hour)
        self._room.put_off(made, found + 10 * MINUTE)

    def _no_scheduler(self, hour: datetime) -> None:
        self._clock.set(hour)
        self._tell("all schedulers are killed")
        for child in self._children.schedulers:
            child.kill()
        self._go(hour)

    def _schedulers_again(self, hour: datetime) -> None:
        self._clock.set(hour)
        self._children.start_missing(hour)
        self._go(hour)

    def _hold(self, hour: datetime) -> None:
        first = self._children.schedulers[0]
        self._clock.set(hour)
        first.start(hour, step="hold.writing")
        self._await_death(first, "hold.writing")
        self._schedulers_again(hour)

    def _resume(self, made: Made, hour: datetime) -> None:
        self._clock.set(hour)
        number = self._room.mailing_of(made.slug)
        self._judge.alarms.append(f"HELD-LATE mailing:{number}")
        control.resume(self._app.store, number, actor="the editor", now=hour, more=HOUR)
        self._go(hour)

    def _scheduler_dies(self, hour: datetime, step: str) -> None:
        """It is first to see the hour, and dies at the step; another takes over."""
        victim = self._armed(self._dice.choice(self._children.schedulers), step)
        self._clock.set(hour)
        victim.clock.set(hour)
        self._await_death(victim, step)
        self._go(hour)
        self._children.start_missing(hour)

    def _worker_dies(self, day: date, step: str) -> Arrival:
        """The same of a worker; the mailing has been started."""
        made = self._room.write(MORNING, day)

        def arrive(hour: datetime) -> None:
            victim = self._armed(self._dice.choice(self._children.workers), step)
            self._clock.set(hour)
            self._children.go(hour, self._children.schedulers)
            victim.clock.set(hour)
            self._await_death(victim, step)
            self._go(hour)
            self._children.start_missing(hour)

        self._arrivals[self._first_due(made)] = arrive
        return self._go

    def _armed(self, victim: Child, step: str) -> Child:
        hour = victim.clock()
        victim.kill()
        victim.start(hour, step=step)
        self._children.await_seen(hour, [victim])
        return victim

    def _await_death(self, victim: Child, step: str) -> None:
        if victim.await_death(step):
            self._tell(f"{victim.name} dies at {step}")
        else:
            self._judge.faults.append(f"{self._clock()}: {victim.name} never came to {step}")

    def _strike_one(self, hour: datetime) -> None:
        """Now and then a scheduler is killed wherever it is, and started again."""
        alive = [child for child in self._children.schedulers if child.alive]
        if len(alive) == len(self._children.schedulers) and self._dice.random() < 0.04:
            self._dice.choice(alive).kill()
            self._children.start_missing(hour)

    def _tell(self, what: str) -> None:
        self.story.append(f"{self._clock():%Y-%m-%d %H:%M:%S} {what}")


@contextmanager
def prepared(asked: argparse.Namespace) -> Iterator[tuple[Days, Judge, Children]]:
    """The newsroom, the provider and the processes, at the editor's hour of the day before the first."""
    begin = datetime.combine(FIRST - timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="days-") as name, ExitStack() as stack:
        folder = Path(name)
        os.environ["NEWSLETTER_SENDGRID_KEY"] = KEY
        log = folder / "provider.log"
        provider = stack.enter_context(Provider(log=log))
        root = folder / "newsroom"
        Room.lay(root, f'kind = "sendgrid"\nurl = "{provider.url}"\nevents_key = "{provider.signing.public}"')
        clock = DrivenClock(folder / "editor.hour")
        clock.set(begin)
        app = stack.enter_context(App.open(load(root), clock=clock))
        children = Children(root, folder, schedulers=asked.schedulers, workers=asked.workers)
        room = Room(app, now=begin)
        judge = Judge(app, room, log)
        try:
            children.start_missing(begin)
            yield Days(app, room, children, judge, clock=clock, seed=asked.seed), judge, children
        finally:
            children.end()


def run(asked: argparse.Namespace) -> bool:
    """The days that are asked for; whether all went as it should."""
    began = time.monotonic()
    with prepared(asked) as (days, judge, children):
        days.run(asked.days)
        verdict = judge.verdict()
    kills = children.killed_at
    verdict["missed"] = [step for step in STEPS if not kills[step]] if asked.days >= ALL_TURNS else []
    verdict |= {"days": asked.days, "seed": asked.seed, "kills": kills.total()}
    print("\n".join(days.story), file=sys.stderr)
    print(
        json.dumps({"killed_at": dict(sorted(kills.items())), "seconds": round(time.monotonic() - began)}),
        file=sys.stderr,
    )
    print(json.dumps(verdict))
    return not (verdict["lost"] or verdict["twice"] or verdict["missed"] or verdict["faults"]) and verdict["balanced"]
