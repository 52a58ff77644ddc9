"""An edition as files: for a look at it, and as the proof of what was rendered."""

from __future__ import annotations

import contextlib
import json
import secrets
from datetime import UTC, date, datetime, time
from pathlib import Path

from newsletter.errors import InputError
from newsletter.rendering.edition import Edition
from newsletter.rendering.message import MailingHeaders, Recipient, compile_message, fill_body

FILES = ("email.html", "email.txt", "message.eml", "manifest.json")

SAMPLE_LIST = "The sample list"
SAMPLE = Recipient(
    delivery=1,
    address="reader@example.org",
    name="A Reader",
    leave="sample-leave-token-sample-leave-",
    track="sample-track-token-sample-track-",
    since=date(2026, 1, 1),
)
"""The slots of the written files: fixed, so that the same edition gives the same bytes on every machine."""


def write_edition(edition: Edition, folder: Path) -> list[Path]:
    """Write `email.html`, `email.txt`, `message.eml` (the wire form) and `manifest.json` into `folder`; gives their paths.

    The message is dated the issue's day, 06:00 UTC. Other files in the folder stay. Each file is replaced whole, and none
    before all of them could be written.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    contents = sample_files(edition)
    suffix = f".new-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            (folder / f".{name}{suffix}").write_bytes(data)
        for name in contents:
            (folder / f".{name}{suffix}").replace(folder / name)
    except OSError as error:
        fault = error.strerror or str(error)
        raise InputError(f"cannot be written: {fault}", where=str(folder), remedy="Name another folder") from error
    finally:
        for name in contents:
            with contextlib.suppress(OSError):
                (folder / f".{name}{suffix}").unlink(missing_ok=True)
    return [folder / name for name in contents]


def sample_files(edition: Edition) -> dict[str, bytes]:
    """What the files of `FILES` hold, by name: the edition as `SAMPLE` would get it, and its manifest."""
    day = date.fromisoformat(edition.manifest["date"])
    headers = MailingHeaders(
        message_id_prefix="sample",
        message_id_domain=edition.from_address.rpartition("@")[2],
        date=datetime.combine(day, time(6), tzinfo=UTC),
        list_name="sample",
        list_title=SAMPLE_LIST,
    )
    manifest = {"digest": edition.digest, **edition.manifest}
    contents = (
        fill_body(edition, "html", SAMPLE, list_title=SAMPLE_LIST).encode(),
        fill_body(edition, "plain", SAMPLE, list_title=SAMPLE_LIST).encode(),
        compile_message(edition, headers).join(SAMPLE),
        (json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode(),
    )
    return dict(zip(FILES, contents, strict=True))
