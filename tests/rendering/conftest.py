from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from newsletter.issues.model import Block, BlockKind, Issue, Quote, Section
from newsletter.rendering import MailingHeaders, Recipient
from newsletter.settings import DEFAULT_SIDES, Newsroom, Settings

REPOSITORY = Path(__file__).parents[2]
SEED = REPOSITORY.parent / "shared" / "seeds" / "roundup-2024-06-20.expected.json"


def make_quote(*paragraphs: str, by: str = "Mira Oland, Dockside Review", **fields: Any) -> Quote:
    author, _, outlet = by.rpartition(", ")
    known: dict[str, Any] = {
        "id": hashlib.sha256(repr(paragraphs).encode()).hexdigest()[:12],
        "paragraphs": paragraphs,
        "author": author or None,
        "outlet": outlet or None,
        "attribution": by,
        "side": None,
        "side_source": None,
        "link": None,
        "suggestion": None,
        "file": "roundup.txt",
        "lines": (1, 2),
    }
    return Quote(**{**known, **fields})


def make_section(heading: str = "", *quotes: Quote, **fields: Any) -> Section:
    return Section(**{"heading": heading, "side": None, "stance": None, "quotes": quotes, **fields})


def make_issue(*sections: Section, **fields: Any) -> Issue:
    known: dict[str, Any] = {
        "slug": "2026-11-24-night-ferry",
        "title": "Should the night ferry come back?",
        "date": date(2026, 11, 24),
        "subject": "Should the night ferry come back?",
        "preheader": "",
        "template": "daily",
        "lists": ("daily",),
        "sections": sections,
        "blocks": (),
        "findings": (),
        "inputs": (("roundup.txt", b"invented"),),
    }
    return Issue(**{**known, **fields})


def make_settings(root: Path = REPOSITORY, **newsroom: Any) -> Settings:
    known: dict[str, Any] = {
        "name": "The Harbour Letter",
        "postal_address": "4 Quay Street, Port Alder",
        "from_address": "letter@harbour.example",
        "url": "https://harbour.example",
    }
    return Settings(root=root, newsroom=Newsroom(**{**known, **newsroom}), sides=DEFAULT_SIDES)


def make_mailing(**fields: Any) -> MailingHeaders:
    known: dict[str, Any] = {
        "message_id_prefix": "m7",
        "message_id_domain": "harbour.example",
        "date": datetime(2026, 11, 24, 6, 0, tzinfo=UTC),
        "list_name": "daily",
        "list_title": "The Daily",
    }
    return MailingHeaders(**{**known, **fields})


def make_recipient(**fields: Any) -> Recipient:
    known: dict[str, Any] = {
        "delivery": 12,
        "address": "ada@reader.example",
        "name": "Ada Reader",
        "leave": "L" * 31 + "-",
        "track": "_" + "T" * 31,
        "since": date(2026, 3, 3),
    }
    return Recipient(**{**known, **fields})


def rich_issue() -> Issue:
    introduction = make_section(
        "",
        make_quote(
            "“The council voted by a single voice to spend 140,000 on a study of the night ferry, four years "
            "after the last "
            "boat left at eleven…",
            "“Fishers’ unions and hoteliers have asked for the crossing since spring; the harbour police warn that two "
            "officers cannot watch both quays until dawn.”",
            by="Quayside Wire",
        ),
    )
    both = make_section(
        "Both sides welcome the study, and doubt its timetable:",
        make_quote(
            "“A study is what one orders in order to order nothing. Still, it is the first line in a budget "
            "that mentions the "
            "night shift at all… Let it be finished before the season, not after it.”",
            side="left",
            link="https://dockside.example/study?a=1&b=2",
        ),
        make_quote(
            "“Nobody loses by counting first. The cost of the old line was never published; [the new one] "
            "should be printed "
            "on the ticket.”",
            by="Editorial Board, Morning Tide",
            side="right",
            link="https://tide.example/count",
        ),
        side="both",
    )
    left = make_section(
        "From the left",
        make_quote(
            "“Ask the bakers, the nurses and the deckhands who sleep in cars until six. A ferry is not a luxury "
            "to be earned "
            "by daylight…",
            "“The fare can be what the night bus costs. The rest is what the quay already spends on empty lights.”",
            by="Ilse Varga, The Lantern",
            side="left",
            link="https://lantern.example/fare",
        ),
        make_quote(
            "“We closed it to save money and saved none.”", by="Jon Abara, Northshore Post", side="left",
            link="https://northshore.example/none",
        ),
        side="left",
        stance="The left argues that a town that works at night must move at night.",
    )  # fmt: skip
    right = make_section(
        "From the right",
        make_quote(
            "“Forty riders a night was the best month the line ever had. A minibus and the bridge would do it "
            "for a tenth…",
            "“If the hoteliers want a boat, let them charter one for a season and show the numbers.”",
            by="Tomas Reith, Ledger of the Bay",
            side="right",
            link="https://ledger.example/forty",
        ),
        make_quote(
            "“Two officers cannot guard two quays. Safety first, romance second.”",
            by="Editorial Board, Harbour Standard",
            side="right", link="https://standard.example/safety",
        ),
        side="right",
        stance="The right asks who pays when the boat is empty, and wants a trial first.",
    )  # fmt: skip
    blocks = (
        Block(kind=BlockKind.BRIGHT_SIDE, heading="", text="A lost concertina came home by post, 31 years late, "
        "with the fare "
              "enclosed."),
    )  # fmt: skip
    return make_issue(
        introduction,
        both,
        left,
        right,
        blocks=blocks,
        preheader="The council voted 7–6 on Monday to study a return of the night crossing. Both shores read "
        "the vote in "
        "their own way.",
    )


def seed_issue() -> Issue:
    """The real roundup as an issue, its suggested sides decided, read at run time and never committed."""
    if not SEED.is_file():
        pytest.skip("the real roundup file is not beside the checkout")
    data = json.loads(SEED.read_text(encoding="utf-8"))
    decided = iter(("left", "left", "right", "right"))
    sections = []
    for section in data["sections"]:
        quotes = []
        for quote in section["quotes"]:
            side = next(decided, None) if section["lean"] == "other" else None
            by = quote.get("attribution") or quote["attribution_raw"]
            fields = {"author": quote["author"], "outlet": quote["outlet"], "side": side}
            quotes.append(make_quote(*quote["paragraphs"], by=by, **fields))
        sections.append(make_section(section["heading"], *quotes, side=section["lean"], stance=section["summary"]))
    return make_issue(*sections, title="A pact signed in Pyongyang", subject="A pact signed in Pyongyang")


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Builders of invented issues, settings and readers."""
    return SimpleNamespace(
        quote=make_quote,
        section=make_section,
        issue=make_issue,
        settings=make_settings,
        mailing=make_mailing,
        recipient=make_recipient,
        rich=rich_issue,
        seed=seed_issue,
    )


@pytest.fixture
def own_template(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a newsroom whose template `own` is the packaged one with some files replaced or edited."""

    def build(**changes: str | Callable[[str], str]) -> Settings:
        folder = tmp_path / "templates" / "email" / "own"
        shutil.copytree(REPOSITORY / "templates" / "email" / "daily", folder)
        shutil.copytree(REPOSITORY / "templates" / "email" / "_shared", folder / "shared")
        for name, change in changes.items():
            path = folder / name.replace("__", "/").replace("_", ".")
            path.write_text(change if isinstance(change, str) else change(path.read_text("utf-8")), "utf-8")
        return make_settings(tmp_path)

    return build
