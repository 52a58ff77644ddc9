from __future__ import annotations

from types import SimpleNamespace

import pytest

from newsletter.rendering.attribution import attribution_of

LINK = "https://free.example/boat?a=1"


def _runs(
    make: SimpleNamespace, by: str, author: str | None, outlet: str | None, link: str | None = LINK
) -> list[object]:
    quote = make.quote("“a”", by=by, author=author, outlet=outlet, link=link)
    return [(run.text, run.role, run.link is not None) for run in attribution_of(quote).runs]


def test_extra_words_of_an_attribution_are_kept(make: SimpleNamespace) -> None:
    by = "By Sen. Nell Brae (Ind.), translated by O. Pike, The Free Quay, 3 November"
    assert _runs(make, by, "Nell Brae", "The Free Quay") == [
        ("By Sen. ", "words", False),
        ("Nell Brae", "author", False),
        (" (Ind.), translated by O. Pike, ", "words", False),
        ("The Free Quay", "outlet", True),
        (", 3 November", "words", False),
    ]


@pytest.mark.parametrize(
    ("by", "author", "outlet", "linked"),
    [
        ("The Lantern: Ilse Varga", "Ilse Varga", "The Lantern", "The Lantern"),
        ("Ilse Varga", "Ilse Varga", None, "Ilse Varga"),
        ("from a letter", None, None, "from a letter"),
        ("", "Ilse Varga", "The Lantern", "The Lantern"),
        ("Lantern Board, Lantern", "Lantern Board", "Lantern", "Lantern"),
        ("Jo Lantern", "Jo Lantern", "Lantern", "Jo Lantern"),
        ("", None, None, LINK),
        (f"Ilse Varga, [The Lantern]({LINK})", "Ilse Varga", "The Lantern", "The Lantern"),
        (f"Ilse Varga, The Lantern ({LINK})", "Ilse Varga", "The Lantern", "The Lantern"),
    ],
)
def test_the_link_stands_on_the_outlet_or_the_next_best(
    make: SimpleNamespace, by: str, author: str | None, outlet: str | None, linked: str
) -> None:
    runs = _runs(make, by, author, outlet)
    assert [text for text, _, is_link in runs if is_link] == [linked]
    assert "".join(text for text, *_ in runs).count("http") == (linked == LINK)


def test_an_unsafe_link_is_no_link_and_its_words_stay(make: SimpleNamespace) -> None:
    by = "Ilse Varga javascript:alert(1)"
    assert _runs(make, by, "Ilse Varga", None, "javascript:alert(1)") == [
        ("Ilse Varga", "author", False),
        (" javascript:alert(1)", "words", False),
    ]
