from datetime import date
from pathlib import Path

import pytest

from newsletter import settings
from newsletter.findings import Severity
from newsletter.issues import compose, decide_sides, load, newsroom_outlets, slugs
from newsletter.roundups import Lean, Outlets
from newsletter.settings import Newsroom, Settings

ROOT = Path(__file__).resolve().parents[2]
SEED = ROOT.parent / "shared" / "seeds" / "roundup-2024-06-20.txt"
NEWSROOM = settings.load(ROOT)
NEWSROOM_DAY = date(2026, 11, 23)
SAMPLES = (
    "2026-11-23-a-four-day-school-week",
    "2026-11-24-should-the-night-ferry-come-back",
    "2026-11-25-who-should-own-the-lighthouse",
)


@pytest.mark.parametrize("slug", SAMPLES)
def test_the_samples_are_ready_to_send(slug: str) -> None:
    assert slug in slugs(NEWSROOM)
    issue = load(NEWSROOM, slug, outlets=newsroom_outlets(NEWSROOM))
    assert not [finding for finding in issue.findings if finding.severity is not Severity.INFO]
    assert not issue.undecided
    assert issue.lists == ("daily",)
    assert 10 <= len(issue.subject) <= 78
    assert 40 <= len(issue.preheader) <= 110
    assert slug.startswith(issue.date.isoformat())
    assert 500 < sum(len(text.split()) for quote in issue.quotes for text in quote.paragraphs) < 1000


def test_the_outlets_are_usable_and_no_spelling_means_two() -> None:
    outlets = Outlets.load(ROOT / "outlets.toml")
    assert len(outlets) >= 150
    for name, rating in {
        "The Washington Post": Lean.LEFT,
        "WSJ": Lean.RIGHT,
        "reuters": Lean.CENTER,
        "Reason": Lean.LIBERTARIAN,
    }.items():
        found = outlets.find(name)
        assert found is not None
        assert found.rating is rating
    spellings: dict[str, str] = {}
    for outlet in settings.read_toml(ROOT / "outlets.toml")["outlet"]:
        for spelling in (outlet["name"], *outlet.get("aliases", ())):
            found = outlets.find(spelling)
            assert found is not None
            assert found.name == outlet["name"], spelling
            assert spellings.setdefault(spelling.casefold(), outlet["name"]) == outlet["name"]


@pytest.mark.seed
@pytest.mark.skipif(not SEED.exists(), reason="the seed lies beside the checkout only")
def test_the_seed_becomes_an_issue_whose_suggestions_can_be_taken(tmp_path: Path) -> None:
    newsroom = Settings(root=tmp_path, newsroom=Newsroom(name="The Harbour Letter"))
    (tmp_path / "outlets.toml").write_bytes((ROOT / "outlets.toml").read_bytes())
    folder = compose(newsroom, [SEED], date=None, title="Putin and Kim", today=NEWSROOM_DAY)
    assert folder.name == "2024-06-20-putin-and-kim"
    outlets = newsroom_outlets(newsroom)
    undecided = load(newsroom, folder.name, outlets=outlets).undecided
    assert [quote.suggestion.lean.value for quote in undecided[-4:] if quote.suggestion] == [
        "left",
        "left",
        "right",
        "right",
    ]
    decide_sides(
        newsroom, folder.name, {quote.id: quote.suggestion.lean.value for quote in undecided if quote.suggestion}
    )
    issue = load(newsroom, folder.name, outlets=outlets)
    assert not issue.undecided
    assert (folder / SEED.name).read_bytes() == SEED.read_bytes()
