"""`newsletter user`: the people who sign with their name. Each has a token, shown once.

No token is asked for here: whoever may write the newsroom's database and read its key could add a user anyway. Protect
the folder, and read the audit, which names who did it.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newsletter.cli import say
from newsletter.cli.acting import actor, opened
from newsletter.errors import InputError
from newsletter.publishing import users
from newsletter.publishing.user import User
from newsletter.settings import Settings, nearest
from newsletter.store.statuses import UserRole
from newsletter.tokens import USER_TOKEN

app = typer.Typer(help="The people who test, approve and waive, each with a token.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The person's name, as approvals show it.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command()
def add(
    name: Name,
    role: Annotated[
        UserRole,
        typer.Option(help="writer and ops may test, editor and admin also approve and waive.", show_default=False),
    ],
    side: Annotated[
        str | None,
        typer.Option(
            metavar="SIDE", help="The side the person speaks for, where the settings of approval ask for one of each."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Add a user, and print their token: once, for it is kept nowhere. Works for whoever may write the database."""
    with opened() as newsroom:
        _check_side(newsroom.settings, side)
        user, token = users.add(
            newsroom.store,
            name,
            role,
            side=side,
            hashed=newsroom.keys.user_hash,
            actor=actor(newsroom),
            now=newsroom.clock(),
        )
    _say_token(user, token, json=json)


@app.command()
def renew(name: Name, json: AsJson = False) -> None:
    """Print a new token for a user, and end the old one. A disabled user can act again."""
    with opened() as newsroom:
        user, token = users.renew(
            newsroom.store, name, hashed=newsroom.keys.user_hash, actor=actor(newsroom), now=newsroom.clock()
        )
    _say_token(user, token, json=json)


@app.command()
def disable(name: Name, json: AsJson = False) -> None:
    """End a user's token. What they approved no longer counts; what was sent with it stays as it is."""
    with opened() as newsroom:
        user = users.disable(newsroom.store, name, actor=actor(newsroom), now=newsroom.clock())
    if json:
        say.data(_as_dict(user))
        return
    say.note(f"{user.name} is disabled.")


@app.command(name="list")
def show(json: AsJson = False) -> None:
    """Print every user: name, role, side, since when."""
    with opened() as newsroom:
        found = users.listed(newsroom.store)
    if json:
        say.data([_as_dict(user) for user in found])
        return
    for user in found:
        about = [user.role.value, f"side {user.side}" if user.side else "", f"since {user.created_at:%Y-%m-%d}"]
        about.append(f"disabled {user.disabled_at:%Y-%m-%d}" if user.disabled_at else "")
        say.output().print(f"[bold]{say.shown(user.name)}[/]  {say.shown(', '.join(filter(None, about)))}")


def _check_side(settings: Settings, side: str | None) -> None:
    if side is not None and side not in settings.sides:
        raise InputError(f"no side is called {side!r}", where="--side", remedy=nearest(side, list(settings.sides)))


def _say_token(user: User, token: str, *, json: bool) -> None:
    if json:
        say.data({**_as_dict(user), "token": token})
        return
    say.data_line(token)
    say.note(f"This is the token of {user.name}, {user.role.value}. It is shown this once. To act as {user.name}:")
    say.note(f"  export {USER_TOKEN}=…   (or {USER_TOKEN}_FILE with the name of a file that holds it)")


def _as_dict(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role.value,
        "side": user.side,
        "created": user.created_at.isoformat(),
        "disabled": user.disabled_at.isoformat() if user.disabled_at else None,
    }
