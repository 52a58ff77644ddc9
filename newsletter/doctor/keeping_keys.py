"""The secrets: whether the keys are there, are those that the database knows, and are for their owner's eyes only."""

from __future__ import annotations

import stat
from collections.abc import Generator, Iterator
from pathlib import Path

from newsletter import tokens
from newsletter.doctor import database
from newsletter.doctor.diagnosis import Area, Fine, Said, by_error, found
from newsletter.doctor.installation import Installation
from newsletter.doctor.readable import others_reach
from newsletter.errors import InputError
from newsletter.store.known_keys import known, strangers
from newsletter.tokens import SECRET_NAME, TokenKeys

_AREA = Area.KEYS
_FILE = "_FILE"


def look(installation: Installation) -> Iterator[Said]:
    """Makes no key: that is done on first use."""
    yield from _files(installation)
    keys = yield from _keys(installation)
    if keys is not None:
        yield from _same_as_known(installation, keys)


def _files(installation: Installation) -> Iterator[Said]:
    """Files that hold secrets: readable, and by nobody else."""
    named = {
        Path(path): name
        for name, path in sorted(installation.environ.items())
        if path and name.endswith(_FILE) and (name.startswith("NEWSLETTER_") or name == f"DATABASE_URL{_FILE}")
    }
    closed = True
    for path, name in (*named.items(), (installation.key_file, "")):
        if not name and not path.exists():
            continue
        faults = list(_file(path, name))
        closed = closed and not faults
        yield from faults
    if closed and (named or installation.key_file.exists()):
        yield Fine(area=_AREA, text="files of secrets are for their owner alone")


def _file(path: Path, variable: str) -> Iterator[Said]:
    try:
        mode = path.stat().st_mode
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fault = getattr(error, "strerror", None) or "it is no text"
        yield found(
            _AREA, "KEY-UNREADABLE", f"{variable or 'the key’s file'} names a file that fails: {fault}", where=str(path)
        )
        return
    if reached := others_reach(path, mode):
        yield found(
            _AREA,
            "KEY-OPEN",
            f"the file can be read by {reached} (mode {stat.S_IMODE(mode):04o})",
            where=str(path),
            remedy=f"Take the rights of the others away: `chmod 600 {path}`",
        )


def _keys(installation: Installation) -> Generator[Said, None, TokenKeys | None]:
    try:
        given = installation.secret(SECRET_NAME)
    except InputError:
        return None  # told with the files
    file = installation.key_file
    if given is None and not file.exists() and not database.exists(installation):
        yield Fine(area=_AREA, text="the secret key is made on first use")
        return None
    try:
        keys = tokens.load_keys(given, file, new=False)
    except InputError as error:
        yield by_error(_AREA, "KEY-UNUSABLE", error)
        return None
    source = SECRET_NAME if given is not None else str(file)
    yield Fine(area=_AREA, text=f"{_counted(len(keys.secrets))} in {source}")
    if given is not None and file.exists():
        yield from _two_sources(keys, file)
    return keys


def _two_sources(given: TokenKeys, file: Path) -> Iterator[Said]:
    try:
        kept = tokens.load_keys(None, file, new=False)
    except InputError:
        return  # a file that nobody uses
    if kept.fingerprints() != given.fingerprints():
        yield found(_AREA, "KEY-TWICE", f"{SECRET_NAME} is set, and {file.name} holds other keys", where=str(file))


def _same_as_known(installation: Installation, keys: TokenKeys) -> Iterator[Said]:
    try:
        with database.reading(installation) as connection:
            held = known(connection) if connection is not None else {}
    except InputError:
        return  # told with the database
    if odd := strangers(held, keys.fingerprints()):
        numbers = ", ".join(str(number + 1) for number in odd)
        yield found(
            _AREA,
            "KEY-CHANGED",
            f"the database knows {_counted(len(held))}, and no. {numbers} of this shell is missing or another",
            where=SECRET_NAME if installation.secret(SECRET_NAME) is not None else str(installation.key_file),
            remedy="Give every process the same keys, as they were: look where pages and workers have theirs from. "
            "Only where a key is lost for good: `newsletter doctor --adopt-keys`, and links in old mail stop working",
        )
    elif held:
        yield Fine(area=_AREA, text="the same as the database knows")


def _counted(number: int) -> str:
    return "one secret key" if number == 1 else f"{number} secret keys"
