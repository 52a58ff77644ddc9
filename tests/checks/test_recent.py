import shutil
from datetime import date
from typing import Any

from newsletter import settings
from newsletter.checks import recent_issues
from newsletter.issues import load, newsroom_outlets


def test_the_last_few_issues_before_this_one_are_read_the_latest_first(room: Any) -> None:
    folder = room.path("issue.toml").parent
    for day in ("2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-25"):
        copied = shutil.copytree(folder, folder.parent / f"{day}-the-pond")
        decisions = copied / "issue.toml"
        decisions.write_text(decisions.read_text(encoding="utf-8").replace("2026-11-24", day), encoding="utf-8")
    (folder.parent / "2026-11-19-the-pond" / "issue.toml").write_text("what = 'is this'", encoding="utf-8")
    room.plant("newsletter.toml", "[roundup]", "[checks]\nrecent_issues = 3\n\n[roundup]")
    newsroom = settings.load(room.root)
    outlets = newsroom_outlets(newsroom)
    found = recent_issues(newsroom, load(newsroom, folder.name, outlets=outlets), outlets=outlets)
    assert [(each.slug, each.date) for each in found] == [
        ("2026-11-20-the-pond", date(2026, 11, 20)),
        ("2026-11-18-the-pond", date(2026, 11, 18)),
    ]
    assert found[0].authors == {"adaquill", "jonabara", "harrietvoss"}
    assert found[0].outlets == {"tidemark", "thelantern", "breakwater", "thetollgate"}


def test_no_issue_counts_as_recent_where_the_newsroom_says_so(room: Any) -> None:
    room.plant("newsletter.toml", "[roundup]", "[checks]\nrecent_issues = 0\n\n[roundup]")
    newsroom = settings.load(room.root)
    issue = load(newsroom, room.path("issue.toml").parent.name, outlets=newsroom_outlets(newsroom))
    assert recent_issues(newsroom, issue, outlets=newsroom_outlets(newsroom)) == ()
