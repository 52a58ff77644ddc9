"""The provider's events, posted to our webhook: late, twice, out of order, refused at times, and of strangers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from newsletter.errors import InputError
from newsletter.events import record
from newsletter.events.sendgrid import events_of
from simulation.hosts import Process

if TYPE_CHECKING:
    from simulation.world import World


class Posting:
    """Posts until the webhook takes it, as the provider does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open = 0
        self._number = 0
        self._web: Process | None = None
        self._hurry = False

    @property
    def idle(self) -> bool:
        """Whether everything was posted."""
        return not self._open

    def end(self) -> None:
        """From now on nothing comes late."""
        self._hurry = True

    def tell(self, messages: list[dict[str, Any]]) -> None:
        """Events about messages that were taken."""
        world, chance = self._world, self._world.chance
        told = []
        for one in messages:
            told.append(self._event("processed", one))
            kind = "bounce" if chance.happens(0.01) else "delivered"
            told.append(self._event(kind, one))
            if chance.happens(0.01):
                told.append(self._event("spamreport", one))
            if chance.happens(0.03):
                world.story.hit("event of a stranger")
                other = {**one, "attempt": f"{chance.getrandbits(57) | 1}.{chance.randrange(1, 3)}"}
                told.append(self._event("delivered", other))
        for one in list(told):
            if chance.happens(0.1):
                world.story.hit("event twice")
                told.append(one)
        if chance.happens(0.2):
            world.story.hit("event out of order")
            chance.shuffle(told)
        middle = chance.randrange(len(told) + 1)
        for batch in (told[:middle], told[middle:]):
            if batch:
                self._post(batch, self._wait())

    def _wait(self) -> float:
        chance = self._world.chance
        if not self._hurry and chance.happens(0.1):
            self._world.story.hit("event late")
            return chance.uniform(300, 30_000)
        return chance.uniform(0.5, 20)

    def _event(self, kind: str, one: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        named = {"mailing": one["mailing"], "delivery": one["delivery"], "attempt": one["attempt"]}
        at = int(self._world.truth().timestamp())
        return {**named, "event": kind, "sg_event_id": f"e{self._number}", "timestamp": at}

    def _post(self, batch: list[dict[str, Any]], after: float) -> None:
        self._open += 1
        self._world.loop.begin(lambda: self._arrive(batch), name="post", after=after)

    def _arrive(self, batch: list[dict[str, Any]]) -> None:
        """In the web process, which may die at it: then the post comes again."""
        world = self._world
        if self._web is None or not self._web.alive:
            self._web = world.process("web", world.hosts[0])
        web = self._web
        world.loop.begin(lambda: self._take(web, batch), name="webhook", owner=web)
        world.loop.begin(lambda: self._check(batch), name="provider", after=15.0)

    def _take(self, web: Process, batch: list[dict[str, Any]]) -> None:
        store = web.store
        if store is None:
            return
        now = web.clock()
        try:
            new = record(store, events_of(json.dumps(batch).encode(), now=now), now=now)
        except InputError as error:
            self._world.story.hit("event refused")
            self._world.story.tell(web.name, f"refuses events: {error.what}")
            return
        batch[0]["taken"] = True
        self._world.story.tell(web.name, f"{len(batch)} events, {new} of them new")

    def _check(self, batch: list[dict[str, Any]]) -> None:
        self._open -= 1
        if not batch[0].get("taken"):
            self._post(batch, self._world.chance.uniform(5, 60))
