"""The commands of `newsletter subscriber` that are about one person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from newsletter.app import App
from newsletter.audience import erasing, labelling, lists, preferences, subscribers, timeline
from newsletter.audience.addresses import mask, parse
from newsletter.audience.erasures import Erasures
from newsletter.audience.subscribers import Subscriber
from newsletter.audience.timeline import Dossier, Got, Happened
from newsletter.cli import say
from newsletter.cli.acting import actor
from newsletter.cli.newsroom import settings
from newsletter.errors import BlockedError, InputError
from newsletter.store import audit
from newsletter.store.statuses import ConsentWay

Address = Annotated[str, typer.Argument(help="The reader's e-mail address.", show_default=False)]
Tags = Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags, such as donor.", show_default=False)]
ListName = Annotated[str, typer.Option("--list", metavar="LIST", help="The list.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    for command in (show, tag, untag, pause, resume, erase):
        app.command()(command)
    app.command("set")(set_)


def show(address: Address, json: AsJson = False) -> None:
    """Show what is known of a person: lists, consent, pauses, tags, attributes, and what happened, in the order of time."""
    with App.open(settings()) as newsroom:
        found = timeline.dossier(newsroom.store, address, now=newsroom.clock(), fingerprint=newsroom.keys.fingerprint)
    if found is None:
        raise _nobody(address)
    if json:
        say.data(_as_data(found))
        return
    for line in _lines(found):
        say.data_line(say.plain(line))


def tag(address: Address, tags: Tags, json: AsJson = False) -> None:
    """Put tags on a person. Segments ask for them: tag:donor."""
    with App.open(settings()) as newsroom:
        changed = _change(newsroom, address, "tag", lambda c, number: labelling.put_on(c, number, tags))
    _tell(changed, "tagged", json=json)


def untag(address: Address, tags: Tags, json: AsJson = False) -> None:
    """Take tags off a person."""
    with App.open(settings()) as newsroom:
        changed = _change(newsroom, address, "untag", lambda c, number: labelling.take_off(c, number, tags))
    _tell(changed, "taken off", json=json)


def set_(
    address: Address,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]...", help="Attributes, such as country=US; nothing after = takes one away."
        ),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Time zone, such as Asia/Tokyo; '' for the list's.")
    ] = None,
    hour: Annotated[
        str | None, typer.Option(metavar="HH:MM", help="Local hour of the mail; '' for the list's.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="TAG", help="Language, such as pt-BR; '' for the list's.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Set a person's attributes, zone, hour and language. Segments ask for them: country:US."""
    given = dict(_pair(each) for each in values or ())
    chosen = preferences.chosen(zone=zone, hour=hour, language=language)

    def change(connection: Connection, number: int) -> list[str]:
        changed = labelling.set_values(connection, number, given) if given else []
        if chosen:
            preferences.keep(connection, number, chosen)
        return [*changed, *chosen]

    with App.open(settings()) as newsroom:
        changed = _change(newsroom, address, "set", change)
    _tell(changed, "set", json=json)


def pause(
    address: Address,
    list_name: ListName,
    weeks: Annotated[int, typer.Option(help="For 1, 2 or 4 weeks.")] = 2,
    json: AsJson = False,
) -> None:
    """Send a person nothing of a list for some weeks, as they asked. It ends by itself."""
    with App.open(settings()) as newsroom:
        person, target = _person(newsroom, address), lists.require(newsroom.store, list_name)
        until = preferences.pause(
            newsroom.store,
            person.id,
            target.id,
            weeks=weeks,
            at=newsroom.clock(),
            how=ConsentWay.COMMAND,
            zone=person.zone or newsroom.settings.newsroom.zone,
            actor=actor(newsroom),
        )
    if until is None:
        raise BlockedError(f"{mask(person.address)} is not subscribed to {list_name!r}")
    if json:
        say.data({"subscriber": person.id, "list": list_name, "paused_until": until.isoformat()})
    else:
        say.note(f"Nothing of {list_name} goes to them until {until:%Y-%m-%d %H:%M} UTC.")


def resume(address: Address, list_name: ListName, json: AsJson = False) -> None:
    """End a person's pause."""
    with App.open(settings()) as newsroom:
        person, target = _person(newsroom, address), lists.require(newsroom.store, list_name)
        ended = preferences.resume(
            newsroom.store, person.id, target.id, at=newsroom.clock(), how=ConsentWay.COMMAND, actor=actor(newsroom)
        )
    if json:
        say.data({"subscriber": person.id, "list": list_name, "changed": ended})
    else:
        say.note("The pause is over." if ended else "There was no pause.")


def erase(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Their e-mail address, or number.", show_default=False)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; scripts need it.")] = False,
    json: AsJson = False,
) -> None:
    """Erase a person everywhere. What they got stays as anonymous counts; a keyed hash keeps imports from adding them.

    On SQLite, `newsletter db scrub` then rewrites the file, so that no byte of them is left in it. Backups keep what they
    have: see the how-to on erasing.
    """
    with App.open(settings()) as newsroom:
        person = _numbered(newsroom, int(address)) if address.isdecimal() else _person(newsroom, address)
        if not yes:
            if not say.on_terminal():
                raise InputError("nobody is there to be asked", where="stdin", remedy="Give --yes to erase them")
            held = ", ".join(f"{one.list_name} ({one.status.value})" for one in person.subscriptions) or "no list"
            say.note(f"Subscriber {person.id}, {mask(person.address)}: {held}.")
            typer.confirm("Erase this person for good? Nothing brings them back", abort=True, err=True)
        who, now = actor(newsroom), newsroom.clock()
        erased = newsroom.store.write(
            lambda connection: erasing.erase(
                connection, person.id, fingerprint=newsroom.keys.fingerprint, at=now, actor=who
            ),
            alone=True,
        )
        on_sqlite, erasures = newsroom.store.is_sqlite, Erasures.of(newsroom.settings.data)
        if not erasures.note(newsroom.keys.fingerprint(parse(person.address).key), at=now):
            say.note(f"{erasures.path} cannot be written: erase this person again if an older backup is put back.")
    if json:
        say.data(asdict(erased))
        return
    say.data_line(
        f"Subscriber {erased.subscriber} is erased: {erased.subscriptions:,} subscriptions, {erased.evidence:,} pieces of "
        f"evidence, {erased.notices:,} notices; {erased.deliveries:,} deliveries and {erased.events:,} events are nobody's."
    )
    if on_sqlite:
        say.note("To leave no byte of them in the file: newsletter db scrub")


def _change(newsroom: App, address: str, action: str, change: Callable[[Connection, int], list[str]]) -> list[str]:
    person, who, now = _person(newsroom, address), actor(newsroom), newsroom.clock()

    def step(connection: Connection) -> list[str]:
        changed = change(connection, person.id)
        if changed:
            # Names only: an attribute's value may say too much for a log that is kept for ever.
            detail = {"names": changed}
            audit.note(connection, f"subscriber.{action}", f"subscriber:{person.id}", detail, actor=who, at=now)
        return changed

    return newsroom.store.write(step, alone=True)


def _tell(changed: list[str], done: str, *, json: bool) -> None:
    if json:
        say.data({"changed": changed})
    else:
        say.note(f"{done.capitalize()}: {', '.join(changed)}." if changed else "Nothing had to be changed.")


def _person(newsroom: App, address: str) -> Subscriber:
    found = subscribers.find(newsroom.store, address, fingerprint=newsroom.keys.fingerprint)
    if found is None:
        raise _nobody(address)
    return found


def _numbered(newsroom: App, number: int) -> Subscriber:
    found = subscribers.by_number(newsroom.store, min(number, 2**62), fingerprint=newsroom.keys.fingerprint)
    if found is None:
        raise InputError(f"there is no subscriber {number}", remedy="They may have been erased already")
    return found


def _nobody(address: str) -> InputError:
    return InputError("nobody here has this address", where=address, remedy="Check the spelling")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise InputError(f"{text[:60]!r} is no attribute", remedy="Write it as country=US")
    return name.strip(), value


def _lines(of: Dossier) -> Iterator[str]:
    person = of.person
    yield f"{'subscriber':12} {person.id}, known since {person.created_at:%Y-%m-%d} UTC"
    yield f"{'address':12} {person.address}"
    for name in ("name", "language", "zone", "hour"):
        if value := getattr(person, name):
            yield f"{name:12} {value}"
    yield f"{'suppressed':12} {person.suppressed.value if person.suppressed else 'no'}"
    if of.tags:
        yield f"{'tags':12} {', '.join(of.tags)}"
    yield from (f"{name:12} {value}" for name, value in of.attributes.items())
    for one in person.subscriptions:
        pause = f", paused until {of.paused[one.list_name]:%Y-%m-%d %H:%M} UTC" if one.list_name in of.paused else ""
        consent = f"{one.consent_text} ({one.consent_source}, {one.consent_at:%Y-%m-%d} UTC)"
        yield f"{one.list_name:12} {one.status.value} since {one.changed_at:%Y-%m-%d} UTC{pause}: {consent}"
    if of.timeline:
        yield ""
        yield from (f"{entry.at:%Y-%m-%d %H:%M:%S}  {_entry(entry)}" for entry in of.timeline)


def _entry(entry: Happened | Got) -> str:
    if isinstance(entry, Got):
        why = f" ({entry.reason.value})" if entry.reason else ""
        return f"{entry.list_name}: {entry.status.value}{why}, issue {entry.issue}, mailing {entry.mailing}"
    step = entry.step
    said = (f"by {step.how.value}", f"from {step.network}" if step.network else "", step.source, step.text)
    return f"{entry.list_name}: {step.what.value} {', '.join(filter(None, said))}"


def _as_data(of: Dossier) -> dict[str, Any]:
    person = of.person
    return {
        "subscriber": person.id,
        "address": person.address,
        "name": person.name,
        "language": person.language,
        "zone": person.zone,
        "hour": person.hour,
        "known_since": person.created_at.isoformat(),
        "suppressed": person.suppressed.value if person.suppressed else None,
        "tags": list(of.tags),
        "attributes": of.attributes,
        "subscriptions": [
            {
                "list": one.list_name,
                "status": one.status.value,
                "changed_at": one.changed_at.isoformat(),
                "consent": one.consent_text,
                "consent_source": one.consent_source,
                "consent_at": one.consent_at.isoformat(),
                "paused_until": of.paused[one.list_name].isoformat() if one.list_name in of.paused else None,
            }
            for one in person.subscriptions
        ],
        "evidence": [
            {
                "list": each.list_name,
                "at": each.at.isoformat(),
                "what": each.step.what.value,
                "how": each.step.how.value,
                "source": each.step.source,
                "text": each.step.text,
                "network": each.step.network,
                "language": each.step.language,
            }
            for each in of.evidence
        ],
        "deliveries": [
            {
                "mailing": got.mailing,
                "delivery": got.delivery,
                "issue": got.issue,
                "list": got.list_name,
                "date": got.day.isoformat(),
                "status": got.status.value,
                "reason": got.reason.value if got.reason else None,
                "at": got.at.isoformat(),
            }
            for got in of.deliveries
        ],
    }
