"""The four ways of not getting a record are told apart, and nothing that a stranger publishes takes longer than allowed."""

import pytest

from newsletter.doctor.resolving import Resolver, State
from newsletter.errors import InputError


def test_a_text_in_several_strings_is_one(names, resolver):
    names.txt("long.fish", "v=spf1 " + "ip4:203.0.113.1 " * 30 + "-all")
    answer = resolver.ask("Long.Fish.", "TXT")
    assert answer.state is State.FOUND
    assert answer.records[0].endswith("ip4:203.0.113.1 -all")
    assert len(answer.records[0]) > 400


def test_missing_names_missing_records_and_failures_are_told_apart(names, resolver):
    names.put("here.fish", "A", "203.0.113.1")
    names.fails.add("ill.fish")
    assert resolver.ask("here.fish", "MX").state is State.NO_DATA
    assert resolver.ask("gone.fish", "MX").state is State.NO_NAME
    answer = resolver.ask("ill.fish", "MX")
    assert (answer.state, answer.known) == (State.FAILED, False)
    assert "SERVFAIL" in answer.words
    assert [each.name for each in resolver.unanswered] == ["ill.fish"]


def test_each_question_is_asked_once(names, resolver):
    names.put("here.fish", "A", "203.0.113.1")
    for _ in range(3):
        resolver.ask("here.fish", "A")
    assert names.asked == [("here.fish", "A")]


def test_a_silent_server_ends_the_asking_after_two_questions(names):
    names.silent.add("*")
    resolver = Resolver(names.address, seconds=0.6)
    answers = [resolver.ask(f"name{number}.fish", "TXT") for number in range(30)]
    assert {answer.state for answer in answers} == {State.SILENT}
    assert {name for name, _ in names.asked} <= {"name0.fish", "name1.fish"}
    assert "127.0.0.1" in answers[0].words


def test_what_does_not_fit_into_udp_comes_by_tcp(names, resolver):
    names.txt("huge.fish", *(f"{number:03} " + "x" * 190 for number in range(60)))
    answer = resolver.ask("huge.fish", "TXT")
    assert len(answer.records) == 50
    assert names.by_tcp == ["huge.fish"]


def test_one_overlong_text_is_cut(names, resolver):
    names.txt("huge.fish", "x" * 40_000)
    assert len(resolver.ask("huge.fish", "TXT").records[0]) == 8192


@pytest.mark.parametrize(
    "name", ["a..fish", "x" * 64 + ".fish", ".".join(["x" * 60] * 5), "", ".", "-- ;", "\x00.fish", "ü.fish", "a\\.b"]
)
def test_names_that_cannot_be_are_no_crash(name, resolver):
    assert resolver.ask(name, "TXT").state in set(State)


def test_aliases_are_followed_and_circles_end(names, resolver):
    names.put("alias.fish", "CNAME", "real.fish.")
    names.txt("real.fish", "here")
    names.put("one.fish", "CNAME", "two.fish.")
    names.put("two.fish", "CNAME", "one.fish.")
    assert resolver.ask("alias.fish", "TXT").records == ("here",)
    assert not resolver.ask("one.fish", "TXT").records


def test_bytes_beyond_ascii_are_shown_as_escapes(names, resolver):
    names.zone["odd.fish", "TXT"] = [r'"v=spf1 \228 -all"']
    assert resolver.ask("odd.fish", "TXT").records == (r"v=spf1 \xe4 -all",)


@pytest.mark.parametrize("text", ["", "ns.fish", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:70000", "[::1", "::1]:53x"])
def test_a_name_server_that_is_no_address_is_bad_input(text):
    with pytest.raises(InputError, match="is no name server"):
        Resolver(text)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:5353", "::1", "[::1]", "[::1]:5353"])
def test_a_name_server_is_an_address_with_or_without_a_port(text):
    assert Resolver(text).servers.startswith(("127.0.0.1", "::1"))


def test_where_no_server_is_set_up_nothing_is_known(names):  # noqa: ARG001
    resolver = Resolver("127.0.0.1:1", seconds=1)
    answer = resolver.ask("here.fish", "A")
    assert not answer.known
