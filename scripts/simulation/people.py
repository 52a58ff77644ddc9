"""People: editors who schedule, edit, stop, resume and decide; readers who come, leave and move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from newsletter.audience import leaving, lists, subscribers, suppressions
from newsletter.audience.addresses import parse
from newsletter.delivery import control, restored
from newsletter.errors import BlockedError
from newsletter.publishing import approvals, mailings, scheduling
from newsletter.publishing.calendar import due
from newsletter.publishing.wish import Wish
from newsletter.settings import MailingList
from newsletter.store import Store, tables
from newsletter.store.statuses import ConsentWay, SuppressionReason
from simulation.hosts import Process
from simulation.newsroom import EDITOR, HOURS, ZONES
from simulation.recurring import Desk
from simulation.seen import Post

if TYPE_CHECKING:
    from simulation.world import World

HOUR = 3_600.0
_WAYS = {"ahead": 6, "late": 1.5, "now": 1, "edited": 2, "edited and approved": 1.5, "taken back": 1, "nobody": 0.3}
"""How an issue gets its slot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A list's day: its issue, and when it is due, in seconds of the loop."""

    list: str
    day: date
    issue: str
    due: float


class People:
    """Acts at instants that chance gives; each act is a command in a process of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moments: dict[int, list[float]] = {}
        self._open = 0
        self._moved: dict[int, list[float]] = {}
        self._settled = False
        self._recurring = Desk(world=world, at=self._at)
        self.slots: list[Slot] = []

    @property
    def idle(self) -> bool:
        """Whether nobody means to do anything more."""
        return not self._open

    def moments(self, day: int) -> list[float]:
        """The instants of a day at which something is due."""
        return self._moments.get(day, [])

    # --- Plans ----------------------------------------------------------------------------------------------------

    def plan(self, day: int) -> None:
        """What people do on a day: they schedule what goes out on the next, and step in."""
        world, chance = self._world, self._world.chance
        shared = chance.happens(0.3)
        for name, wanted in world.room.settings.lists.items():
            local, at = _within_day(wanted, world.begins + timedelta(days=day))
            issue = f"{local}-shared" if shared else f"{local}-{name}"
            slot = Slot(list=name, day=local, issue=issue, due=(at - world.begins).total_seconds())
            self._moments.setdefault(day, []).append(slot.due)
            if wanted.recurring:
                self._recurring.plan(name, local, slot.due)
                continue
            self.slots.append(slot)
            self._plan_slot(slot)
        for _ in range(chance.randrange(0, 12)):
            self._at(self._near(day), "a reader", self._reader)
        for _ in range(chance.randrange(0, 12)):
            self._at(self._near(day), "an editor", self._step_in)
        for hour in range(0, 24, 3):
            self._at(day * 86_400 + (hour + chance.random()) * HOUR, "the desk", self._look_after)

    def _near(self, day: int) -> float:
        chance = self._world.chance
        moments = self.moments(day)
        if moments and chance.happens(0.85):
            return max(0.0, chance.choice(moments) + chance.uniform(-300, 1_200))
        return day * 86_400 + chance.uniform(0, 86_400)

    def _plan_slot(self, slot: Slot) -> None:
        chance, first = self._world.chance, f"{slot.issue}-v1"
        way = chance.weighed(_WAYS)
        if way == "nobody":
            return
        ahead = chance.uniform(0.2, 16) * HOUR
        if way == "now":
            self._at(slot.due, "an editor", lambda: self._send(slot, first))
            return
        when = slot.due + chance.uniform(0, 5) * HOUR if way == "late" else slot.due - ahead
        self._at(when, "an editor", lambda: self._schedule(slot, first, tries=4))
        second = f"{slot.issue}-v2"
        if way in {"edited", "edited and approved"}:
            approve = way == "edited and approved"
            at = chance.uniform(max(0.0, slot.due - ahead), slot.due + 600)
            self._at(at, "an editor", lambda: self._schedule(slot, second, approve=approve))
        if way == "taken back":
            self._at(slot.due - ahead / 2, "an editor", lambda: self._take_back(slot))
            if chance.happens(0.6):
                self._at(slot.due - ahead / 3, "an editor", lambda: self._schedule(slot, second))

    def _at(self, when: float, name: str, act: Callable[[], None]) -> None:
        loop = self._world.loop
        loop.begin(lambda: None if self._settled else act(), name=name, after=when - loop.now)

    def _command(self, name: str, act: Callable[[Process], str | None]) -> None:
        self._world.command(name, act)

    # --- Editors --------------------------------------------------------------------------------------------------

    def _schedule(self, slot: Slot, mark: str, *, approve: bool = True, tries: int = 1) -> None:
        """Approve (or not) and schedule; whoever is killed at it, or finds the disk full, tries again."""
        room, world = self._world.room, self._world
        done = False

        def act(process: Process) -> str:
            nonlocal done
            store, now = _store(process), process.clock()
            if world.checker.era:
                # Whoever schedules after a backup was put back has given their word.
                world.checker.word.add(slot.issue)
            examined = room.examined(store, slot.issue, slot.day, mark)
            if approve:
                world.checker.approved.add(room.digests[mark])
                approvals.approve(store, examined, user=room.editor, now=now)
                examined = room.examined(store, slot.issue, slot.day, mark)
            proposal = scheduling.propose(store, room.settings, examined, slot.list, Wish(), now=now)
            made = scheduling.schedule(store, proposal, actor=EDITOR, now=now)
            done = True
            return f"mailing {made.id} is scheduled, first due {made.due_at}"

        self._command(f"schedule {mark} on {slot.list}{'' if approve else ', not approved'}", act)
        if tries > 1:
            again = world.loop.now + world.chance.uniform(30, 900)
            self._at(again, "an editor", lambda: None if done else self._schedule(slot, mark, tries=tries - 1))

    def _send(self, slot: Slot, mark: str) -> None:
        """`newsletter send`: a mailing that begins at once."""
        room, world = self._world.room, self._world

        def act(process: Process) -> str:
            store, now = _store(process), process.clock()
            if world.checker.era:
                world.checker.word.add(slot.issue)
            edition = room.edition(mark)
            examined = room.examined(store, slot.issue, slot.day, mark)
            world.checker.approved.add(room.digests[mark])
            approvals.approve(store, examined, user=room.editor, now=now)
            minutes = room.settings.lists[slot.list].resend_unknown_after
            order = mailings.Order(
                issue=slot.issue,
                edition=edition,
                target=lists.require(store, slot.list),
                local_date=slot.day,
                not_later_than=now + timedelta(hours=6),
                actor=EDITOR,
                resend_after=None if minutes is None else timedelta(minutes=minutes),
            )
            made = mailings.create(store, order, now=now)
            mailings.move(store, made, replace(made.start(now), not_later_than=order.not_later_than))
            return f"mailing {made.id} begins"

        self._command(f"send {mark} to {slot.list}", act)

    def _go_on(self, number: int) -> None:
        """`newsletter send` again, after one that was killed before the mailing began."""

        def act(process: Process) -> str:
            store, now = _store(process), process.clock()
            before = mailings.get(store, number)
            until = now + timedelta(hours=6)
            return mailings.move(store, before, replace(before.start(now), not_later_than=until)).status.value

        self._command(f"send mailing {number} again", act)

    def _take_back(self, slot: Slot) -> None:
        self._command(
            f"unschedule {slot.issue} on {slot.list}",
            lambda process: str(
                scheduling.unschedule(
                    _store(process), slot.issue, slot.list, actor=EDITOR, now=process.clock()
                ).status.value
            ),
        )

    def _step_in(self) -> None:
        """Somebody does something to one of the mailings."""
        chance, checker = self._world.chance, self._world.checker
        going = [post.id for post in checker.posts.values() if post.status in {"sending", "paused", "finished"}]
        if not going:
            return
        number = chance.choice(going[-4:])
        way = chance.weighed({"pause": 3, "resume": 2, "cancel": 1.5, "retry": 2, "resolve": 3, "replace": 0.7})
        if way == "replace":
            self._replace(number)
        elif way == "resolve":
            self.resolve(number)
        else:
            self._command(f"{way} mailing {number}", self._act_of(way, number))
            if way == "pause" and chance.happens(0.7):
                self._at(self._world.loop.now + chance.uniform(5, 4 * HOUR), "an editor", lambda: self.resume(number))

    def _act_of(self, way: str, number: int) -> Callable[[Process], str]:
        more = self._world.chance.choice((None, timedelta(hours=6)))

        def act(process: Process) -> str:
            store, now = _store(process), process.clock()
            if way == "pause":
                return control.pause(store, number, actor=EDITOR, now=now).status.value
            if way == "resume":
                return control.resume(store, number, actor=EDITOR, now=now, more=more).status.value
            if way == "cancel":
                return f"{control.cancel(store, number, actor=EDITOR, now=now)} withdrawn"
            done = control.retry(store, number, actor=EDITOR, now=now)
            return f"{done.expired} expired and {done.rejected} rejected are tried again, {done.left} not"

        return act

    def resume(self, number: int, *, more: timedelta = timedelta(hours=8)) -> None:
        """With as much time anew."""
        self._command(
            f"resume mailing {number} for {more}",
            lambda process: (
                control.resume(_store(process), number, actor=EDITOR, now=process.clock(), more=more).status.value
            ),
        )

    def after_restore(self) -> None:
        """Somebody finds out that a backup was put back, and decides, within the hour."""
        self._at(self._world.loop.now + self._world.chance.uniform(60, 4_000), "an editor", self._accept)

    def _accept(self) -> None:
        def act(process: Process) -> str:
            return f"{len(restored.accept(_store(process), actor=EDITOR, now=process.clock()))} are held"

        self._command("accept the restored database", act)

    def _go_on_after_restore(self, post: Post) -> None:
        """Give the word for a mailing that is held because a backup was put back, or cancel it."""
        world = self._world
        if world.chance.happens(0.5):
            self._command(f"cancel mailing {post.id}", self._act_of("cancel", post.id))
            return
        world.checker.word.add(post.issue)

        def act(process: Process) -> str:
            store, now = _store(process), process.clock()
            more = timedelta(hours=30)
            return control.resume(store, post.id, actor=EDITOR, now=now, more=more, restored=True).status.value

        self._command(f"resume mailing {post.id} although a backup was put back", act)

    def worry(self, number: int) -> None:
        """Something of a mailing has become unknown: at times somebody decides sooner than they may."""
        if not self._settled and self._world.chance.happens(0.15):
            after = self._world.chance.choice((60.0, 600.0)) * self._world.chance.uniform(0.1, 2.0)
            self._at(self._world.loop.now + after, "an editor", lambda: self.resolve(number, "pending"))

    def resolve(self, number: int, verdict: str = "") -> None:
        """Somebody decides on the unknown; what they say of it is true, or they have it sent again."""
        world = self._world
        verdict = verdict or world.chance.choice(("pending", "pending", "accepted"))

        def act(process: Process) -> str:
            store, now = _store(process), process.clock()
            if verdict == "pending":
                done = control.resolve(store, number, "pending", deliveries=None, actor=EDITOR, now=now)
                return f"{done.decided} are sent again"
            had = [one.delivery for one in control.unknown_of(store, number) if world.checker.copies[one.delivery]]
            if not had:
                raise BlockedError("they can tell of none that it arrived")
            done = control.resolve(store, number, "accepted", deliveries=had, actor=EDITOR, now=now)
            return f"{done.decided} have it"

        self._command(f"resolve mailing {number} as {verdict}", act)

    def _replace(self, number: int) -> None:
        """Cancel a mailing, and send another edition to those who have not got it."""
        world = self._world
        post = world.checker.posts[number]
        slot = next(
            (one for one in self.slots if one.issue == post.issue and world.room.list_ids[one.list] == post.list), None
        )
        self._command(f"cancel mailing {number}", self._act_of("cancel", number))
        if slot is not None:
            mark = f"{slot.issue}-v{world.chance.randrange(3, 6)}"
            after = world.chance.uniform(1, 1_000)
            self._at(world.loop.now + after, "an editor", lambda: self._send(slot, mark))

    def _look_after(self) -> None:
        """Every few hours somebody looks at what is held, and decides now and then."""
        chance = self._world.chance
        for post in list(self._world.checker.posts.values()):
            if post.status == "paused" and chance.happens(0.4):
                if chance.happens(0.8):
                    self.resume(post.id)
                else:
                    self._command(f"cancel mailing {post.id}", self._act_of("cancel", post.id))

    def decide_all(self, until: float) -> None:
        """At the end somebody resumes or cancels whatever waits for a person, again and again."""
        self._settled = True
        self._open += 1
        world = self._world

        def round_() -> None:
            if world.checker.era:
                self._accept()
                world.loop.pause(120.0)
            while world.loop.now < until - HOUR:
                for post in list(world.checker.posts.values()):
                    if post.status == "paused" and world.checker.era:
                        self._go_on_after_restore(post)
                    elif post.status == "paused":
                        self.resume(post.id, more=timedelta(hours=30))
                    if post.status == "scheduled" and post.due_at is None:
                        self._go_on(post.id)
                if world.loop.now > HOUR and self._open:
                    self._open = 0
                world.loop.pause(HOUR)

        world.loop.begin(round_, name="the desk", after=120.0)

    # --- Readers --------------------------------------------------------------------------------------------------

    def _reader(self) -> None:
        world, chance = self._world, self._world.chance
        way = chance.weighed({"leaves": 4, "comes back": 2, "joins": 2, "moves": 4, "complains": 0.5})
        number = chance.randrange(1, 12)
        name = chance.choice(list(world.room.list_ids))
        list_id = world.room.list_ids[name]
        zone, hour = chance.choice((*ZONES, "")), chance.choice(("", "", *HOURS))
        self._moved.setdefault(number, []).append(world.loop.now)

        def act(process: Process) -> str:
            store, now = _store(process), process.clock()
            if way == "leaves":
                return str(leaving.leave(store, number, list_id, at=now, how=ConsentWay.ONE_CLICK))
            if way == "comes back":
                return str(leaving.rejoin(store, number, list_id, at=now, how=ConsentWay.PAGE, words="Yes"))
            if way == "joins":
                address = f"new{world.number}@mail1.example"
                made, _ = subscribers.add(
                    store, address, list_name=name, consent="yes", clock=process.clock, zone=zone, hour=hour
                )
                self._moved.setdefault(made.id, []).append(world.loop.now)
                return f"reader {made.id}"
            if way == "complains":
                return str(_complain(store, number, process))
            return _move(store, number, zone, hour)

        self._command(f"reader {number} {way} {name if way != 'moves' else zone + ' ' + hour}", act)

    def throughout(self, number: int) -> set[int]:
        """Readers of a mailing's list who were on it, and did nothing, all the time."""
        checker = self._world.checker
        post = checker.posts[number]
        found = checker.subscribed(post.list)
        # Who joined on the day may be new to us: whoever entered them may have been killed before saying so.
        return {reader for reader in found if reader not in self._moved and reader <= self._world.room.readers}


def _within_day(wanted: MailingList, begins: datetime) -> tuple[date, datetime]:
    """The list's slot that is due within a day from then, an hour later at the earliest."""
    first = begins.date() - timedelta(days=1)
    for local in (first + timedelta(days=number) for number in range(4)):
        at = due(local, wanted.hour or time(6), wanted.zone or "UTC")
        if at is not None and at >= begins + timedelta(hours=1):
            return local, at
    raise AssertionError("a list without a slot")


def _move(store: Store, number: int, zone: str, hour: str) -> str:
    """As the preferences page does it."""
    table = tables.subscriber
    with store.writing() as connection:
        connection.execute(update(table).where(table.c.id == number).values(zone=zone or None, hour=hour or None))
    return "moved"


def _complain(store: Store, number: int, process: Process) -> bool:
    with store.reading() as connection:
        found = connection.execute(select(tables.subscriber.c.address).where(tables.subscriber.c.id == number)).scalar()
    if found is None:
        return False
    return suppressions.add(store, parse(found), SuppressionReason.COMPLAINT, clock=process.clock)


def _store(process: Process) -> Store:
    if process.store is None:
        raise AssertionError("a process without a database")
    return process.store
