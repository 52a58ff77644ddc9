"""Every kind of alert has its page: what it means, what to do, when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.alerts import KINDS, Kind


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_every_alert_has_its_page(kind: Kind, docs: Path) -> None:
    lines = (docs / kind.page).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {kind.code}: ")
    assert "## What to do" in lines
    assert "## When it is over" in lines


def test_the_runbook_names_every_alert_and_no_other(docs: Path) -> None:
    page = (docs / "runbook.md").read_text(encoding="utf-8")
    assert [code for code, kind in KINDS.items() if f"[{code}]({kind.page})" not in page] == []
    assert {path.name for path in (docs / "runbook").iterdir()} == {Path(kind.page).name for kind in KINDS.values()}
