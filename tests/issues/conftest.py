from datetime import date
from pathlib import Path

import pytest

from newsletter.issues import compose, load
from newsletter.issues.model import Issue
from newsletter.roundups import Outlets
from newsletter.settings import MailingList, Newsroom, Settings

TODAY = date(2026, 11, 23)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = tmp_path / "newsroom"
    root.mkdir()
    lists = {"daily": MailingList(title="Daily"), "weekly": MailingList(title="Weekly")}
    return Settings(root=root, newsroom=Newsroom(name="The Harbour Letter"), lists=lists)


class Desk:
    """Composes and loads issues of a newsroom without outlets."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder

    def paste(self, text: str | bytes, name: str = "roundup.txt") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def compose(self, *texts: str, title: str | None = None, day: date | None = None) -> Path:
        files = [self.paste(text, f"{number}/roundup.txt") for number, text in enumerate(texts)]
        return compose(self.settings, files, date=day, title=title, today=TODAY)

    def load(self, folder: Path) -> Issue:
        return load(self.settings, folder.name, outlets=Outlets())

    def decide(self, folder: Path, text: str) -> None:
        (folder / "issue.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def desk(settings: Settings, tmp_path: Path) -> Desk:
    return Desk(settings, tmp_path / "pasted")
