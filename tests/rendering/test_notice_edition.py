"""Notices to readers as editions: words, links, languages, and what a template of a newsroom's own may get wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from lxml import html as lxml_html

from newsletter.errors import InputError
from newsletter.rendering import (
    NOTICES,
    Edition,
    Notice,
    Recipient,
    check_template,
    compile_message,
    copy_template,
    fill_body,
    notice_names,
    render,
    render_notice,
    template_names,
)
from newsletter.rendering.notice_edition import NEEDED
from newsletter.rendering.slots import NoticeSlots
from newsletter.settings import Settings

REPOSITORY = Path(__file__).parents[2]
FRESH = "F" * 48
ABOUT = Notice(list_title="Fish & <Chips>", hours=72)

every_notice = pytest.mark.parametrize("name", NOTICES)
every_language = pytest.mark.parametrize("language", ["en", "de"])


def _seen(html: str) -> str:
    return " ".join(str(lxml_html.fromstring(html).find("body").text_content()).split())  # type: ignore[union-attr]


def _urls(edition: Edition) -> NoticeSlots:
    return NoticeSlots(nonce=edition.nonce, base_url=edition.base_url)


@pytest.fixture
def own(make: SimpleNamespace, tmp_path: Path) -> Settings:
    """A newsroom with templates of its own, as they come."""
    shutil.copytree(REPOSITORY / "templates", tmp_path / "templates")
    settings: Settings = make.settings(tmp_path)
    return settings


@every_notice
@every_language
def test_both_parts_say_the_same_in_the_readers_language(make: SimpleNamespace, name: str, language: str) -> None:
    edition = render_notice(make.settings(), name, ABOUT, language=language)
    assert edition.language == language
    reader = Recipient(**{**_fields(make), "fresh": FRESH})
    html, text = (fill_body(edition, part, reader, list_title="") for part in ("html", "plain"))
    said = " ".join(text.split())
    headings = lxml_html.fromstring(html).xpath("//h1")
    assert len(headings) == 1
    assert " ".join(headings[0].text_content().split()) in said
    assert (set(re.findall(r"https?://\S+", text)) - {""}) == set(lxml_html.fromstring(html).xpath("//@href"))
    for each in (_seen(html), said):
        assert "reader@" not in each
        assert "ada@reader.example" in each
        assert "The Harbour Letter, 4 Quay Street, Port Alder" in each


def _fields(make: SimpleNamespace) -> dict[str, object]:
    reader = make.recipient()
    return {name: getattr(reader, name) for name in ("delivery", "address", "name", "leave", "track", "since")}


@every_notice
def test_each_shows_the_link_it_is_mailed_for_and_no_other_that_opens_more(make: SimpleNamespace, name: str) -> None:
    edition = render_notice(make.settings(), name, ABOUT, language="en")
    known = {key: getattr(_urls(edition), key) for key in ("confirm_url", "address_url", "manage_url", "leave_url")}
    shown = {key for key, url in known.items() if url in edition.html}
    assert shown == {key for key, url in known.items() if url in edition.text} == {NEEDED.get(name)} - {None}


@pytest.mark.parametrize(
    ("wanted", "spoken"), [("de-CH", "de"), ("DE", "de"), ("fr", "en"), (None, "en"), ("en-GB", "en"), ("", "en")]
)
def test_a_language_without_words_gives_way_to_the_newsrooms_then_to_english(
    make: SimpleNamespace, wanted: str | None, spoken: str
) -> None:
    assert render_notice(make.settings(), "confirm", ABOUT, language=wanted).language == spoken
    german = render_notice(make.settings(language="de"), "confirm", ABOUT, language="fr" if wanted != "de-CH" else "en")
    assert german.language == ("de" if wanted != "de-CH" else "en")


def test_a_file_of_words_adds_a_language(own: Settings) -> None:
    shelf = own.templates / "_shared"
    words = (shelf / "notices.en.txt").read_text("utf-8").replace("Please confirm: ", "نرجو التأكيد: ")
    (shelf / "notices.ar.txt").write_text(words, "utf-8")
    edition = render_notice(own, "confirm", ABOUT, language="ar")
    assert edition.subject == "نرجو التأكيد: Fish & <Chips>"
    tree = lxml_html.fromstring(edition.html)
    assert (tree.get("lang"), tree.get("dir")) == ("ar", "rtl")
    assert check_template(own, "confirm") == ()


def test_the_same_notice_gives_the_same_bytes_and_another_list_others(make: SimpleNamespace) -> None:
    first = render_notice(make.settings(), "confirm", ABOUT, language="en")
    assert render_notice(make.settings(), "confirm", ABOUT, language="en-GB").digest == first.digest
    other = Notice(list_title="The Weekly", hours=72)
    assert render_notice(make.settings(), "confirm", other, language="en").digest != first.digest


def test_what_a_list_is_called_is_escaped(make: SimpleNamespace) -> None:
    edition = render_notice(make.settings(), "confirm", ABOUT, language="en")
    assert edition.subject == "Please confirm: Fish & <Chips>"
    assert "Fish &amp; &lt;Chips&gt;" in edition.html
    assert "<Chips>" not in edition.html
    assert "<Chips>" in edition.text


@every_notice
def test_the_packaged_notices_are_without_a_fault(make: SimpleNamespace, name: str) -> None:
    assert check_template(make.settings(), name) == ()


def test_notices_and_issues_do_not_take_each_others_templates(make: SimpleNamespace) -> None:
    assert not set(template_names(make.settings())) & set(notice_names(make.settings()))
    assert set(notice_names(make.settings())) == set(NOTICES)
    with pytest.raises(InputError, match="'confirm' is for notices"):
        render(make.issue(make.section("From afar", make.quote("“a”")), template="confirm"), make.settings())
    with pytest.raises(InputError, match="'daily' is for issues"):
        render_notice(make.settings(), "daily", ABOUT, language="en")


def test_an_issue_cannot_show_what_opens_ones_own_data(own: Settings) -> None:
    body = own.templates / "daily" / "body.mjml"
    for shown in ("slots.manage_url", "slots.fresh", "slots['fresh']"):
        text = (REPOSITORY / "templates" / "email" / "daily" / "body.mjml").read_text("utf-8")
        body.write_text(text.replace("{{ layout.title }}", f"{{{{ {shown} }}}}", 1), "utf-8")
        assert {finding.code for finding in check_template(own, "daily")} == {"TEMPLATE-NAME"}, shown


FAULTS = [
    ("confirm/body.mjml", "slots.confirm_url", "slots.view_url", "TEMPLATE-LINK"),
    ("confirm/body.txt", "slots.confirm_url", "slots.view_url", "TEMPLATE-LINK"),
    ("manage/body.txt", "slots.manage_url", "slots.confirm_url", "TEMPLATE-LINK"),
    ("welcome/body.mjml", "slots.leave_url", "slots.view_url", "TEMPLATE-UNSUBSCRIBE"),
    ("confirm/head.txt", "{{ say.confirm.subject", "{# #}{{ say.nothing", "TEMPLATE-NAME"),
    ("confirm/head.txt", "{{ say.confirm.preheader", "A line\nmore\n{{ say.confirm.preheader", "TEMPLATE-HEAD"),
    ("confirm/head.txt", "{{ say.confirm.subject", "{{ slots.address }}{{ say.confirm.subject", "TEMPLATE-NAME"),
    ("moved/body.mjml", "{% block title %}", "{% block title %}<mj-x/>", "TEMPLATE-CONTENT"),
]


@pytest.mark.parametrize(("file", "words", "instead", "code"), FAULTS)
def test_what_a_notice_of_ones_own_gets_wrong_is_found(
    own: Settings, file: str, words: str, instead: str, code: str
) -> None:
    path = own.templates / file
    text = path.read_text("utf-8")
    assert words in text
    path.write_text(text.replace(words, instead), "utf-8")
    found = check_template(own, file.partition("/")[0])
    assert code in {finding.code for finding in found}
    assert {finding.file for finding in found} <= {str(path), str(own.templates / "_shared" / "notice.mjml")}


def test_a_copy_of_a_notice_is_whole(own: Settings) -> None:
    folder = copy_template(own, "hello", source="welcome")
    assert (folder / "head.txt").is_file()
    assert (folder / "shared" / "notices.de.txt").is_file()
    assert check_template(own, "hello") == ()


def test_a_notice_without_its_token_is_never_made(make: SimpleNamespace) -> None:
    edition = render_notice(make.settings(), "confirm", ABOUT, language="en")
    compiled = compile_message(edition, make.mailing(bulk=False))
    with pytest.raises(InputError, match="token"):
        compiled.join(make.recipient())
