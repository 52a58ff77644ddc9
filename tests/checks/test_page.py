import pytest

from newsletter.checks.contrast import shown
from newsletter.checks.page import Page, Scheme

HTML = """<!doctype html><html lang="en"><head><style>
.a { color: #111111 } td .a { color: #222222 } #x { color: #333333 !important }
@media (prefers-color-scheme: dark) { .a { color: #eeeeee !important } .g { background: #161514 !important } }
@media (max-width: 500px) { .a { color: #ff0000 !important } }
.a:hover { color: #00ff00 !important }
</style></head><body class="g" bgcolor="#f4f2ee"><!-- no words -->tail
<table><tr><td><p class="a" style="font-size: 2em; line-height: 1.5">One</p><p style="color:#444444" id="x">Two</p>
<p class="a" style="color:#555555">Three <a href="https://a.example">linked</a></p>
<div style="display:none"><p>Gone</p></div></td></tr></table></body></html>"""


def looks(scheme: Scheme) -> dict[str, tuple[str, str]]:
    return {run.text: (shown(run.look.color), shown(run.look.ground)) for run in Page(HTML).runs(scheme)}


def test_the_cascade_decides_what_text_looks_like() -> None:
    assert looks(Scheme.LIGHT) == {
        "tail": ("#000000", "#f4f2ee"),
        "One": ("#222222", "#f4f2ee"),
        "Two": ("#333333", "#f4f2ee"),
        "Three": ("#555555", "#f4f2ee"),
        "linked": ("#0000ee", "#f4f2ee"),
    }


def test_rules_for_dark_devices_win_in_the_dark() -> None:
    dark = looks(Scheme.DARK)
    assert dark["One"] == dark["Three"] == ("#eeeeee", "#161514")
    assert dark["Two"] == ("#333333", "#161514")
    assert Page(HTML).designed_for_dark


def test_sizes_follow_from_what_is_above() -> None:
    one = next(run.look for run in Page(HTML).runs(Scheme.LIGHT) if run.text == "One")
    assert one.size == pytest.approx(32)
    assert one.line == pytest.approx(48)


def test_words_are_parted_by_blocks_and_links_have_theirs() -> None:
    page = Page(HTML)
    assert page.words == "tail One Two Three linked Gone"
    assert [(link.href, link.words) for link in page.links] == [("https://a.example", "linked")]
    assert [words for words, _ in page.leaves] == ["One", "Two", "Three linked", "Gone"]
