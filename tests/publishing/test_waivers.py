from dataclasses import replace

import pytest

from newsletter.errors import BlockedError, InputError
from newsletter.findings import blocking
from newsletter.publishing import waivers
from newsletter.settings import CheckSettings
from newsletter.store.statuses import UserRole


@pytest.fixture
def faulty(room):
    """An issue with one error and one warning."""
    room.edit("nobody pays a toll", "TODO nobody pays a toll")
    room.edit("Should ferries be free?", "Free?", file="issue.toml")
    return room


def lenient(room, *codes):
    settings = room.app.settings.model_copy(update={"checks": CheckSettings(waivable=codes)})
    return replace(room, app=replace(room.app, settings=settings))


def waive(room, user, code, reason="We looked at it twice."):
    return waivers.waive(
        room.app.store,
        room.app.examine(room.issue()),
        code=code,
        reason=reason,
        user=user,
        waivable=room.app.settings.checks.waivable,
        now=room.app.clock(),
    )


def codes(findings):
    return [finding.code for finding in findings]


def test_the_faulty_issue_is_what_the_tests_take_it_for(faulty):
    found = faulty.app.examine(faulty.issue()).open
    assert codes(blocking(found)) == ["TEXT-PLACEHOLDER"]
    assert "SUBJECT-LENGTH" in codes(found)


def test_a_warning_is_waived_with_name_and_reason(faulty, ada):
    assert codes(waive(faulty, ada, "subject-length")) == ["SUBJECT-LENGTH"]
    examined = faulty.app.examine(faulty.issue())
    assert "SUBJECT-LENGTH" not in codes(examined.open)
    assert codes(examined.waived) == ["SUBJECT-LENGTH"]
    kept = examined.standing.waivers[0]
    assert (kept.by, kept.reason) == ("Ada Marlow", "We looked at it twice.")


def test_an_error_is_waived_only_where_the_newsroom_lets_people(faulty, ada):
    with pytest.raises(BlockedError, match="errors are mended") as caught:
        waive(faulty, ada, "TEXT-PLACEHOLDER")
    assert 'waivable = ["TEXT-PLACEHOLDER"]' in caught.value.remedy
    room = lenient(faulty, "TEXT-PLACEHOLDER")
    waive(room, ada, "TEXT-PLACEHOLDER")
    room.sign(ada)
    plan = room.app.plan(room.issue(), "daily")
    assert codes(plan.examined.waived) == ["TEXT-PLACEHOLDER"]


def test_a_waiver_of_an_error_ends_with_the_newsrooms_leave(faulty, ada):
    waive(lenient(faulty, "TEXT-PLACEHOLDER"), ada, "TEXT-PLACEHOLDER")
    assert "TEXT-PLACEHOLDER" in codes(faulty.app.examine(faulty.issue()).open)


def test_a_waiver_is_of_one_edition(faulty, ada):
    waive(faulty, ada, "SUBJECT-LENGTH")
    faulty.edit("floats", "floatz")
    assert "SUBJECT-LENGTH" in codes(faulty.app.examine(faulty.issue()).open)


def test_a_second_waiver_replaces_the_first(faulty, ada):
    waive(faulty, ada, "SUBJECT-LENGTH", "once")
    waive(faulty, faulty.add_user("Bea"), "SUBJECT-LENGTH", "twice")
    kept = faulty.app.examine(faulty.issue()).standing.waivers
    assert [(each.by, each.reason) for each in kept] == [("Bea", "twice")]


def test_what_is_not_found_cannot_be_waived(faulty, ada):
    with pytest.raises(InputError, match="Did you mean 'SUBJECT-LENGTH'"):
        waive(faulty, ada, "SUBJECT-LENGHT")


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 1001])
def test_a_reason_is_a_reason(faulty, ada, reason):
    with pytest.raises(InputError, match="a reason has"):
        waive(faulty, ada, "SUBJECT-LENGTH", reason)


def test_a_writer_may_not_waive(faulty):
    with pytest.raises(BlockedError, match="may not waive"):
        waive(faulty, faulty.add_user("Wim", UserRole.WRITER), "SUBJECT-LENGTH")
