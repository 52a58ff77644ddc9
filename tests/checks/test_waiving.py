import pytest

from newsletter.checks import Waiver, apply_waivers, may_waive
from newsletter.findings import Finding, Severity


def finding(code: str, severity: Severity) -> Finding:
    return Finding(code=code, severity=severity, message="…", file="roundup.txt", line=1)


WARNING = finding("QUOTE-LONG", Severity.WARNING)
ERROR = finding("TEXT-PLACEHOLDER", Severity.ERROR)
WAIVERS = [Waiver(code=code, name="Ada", reason="meant so") for code in ("QUOTE-LONG", "TEXT-PLACEHOLDER")]


def test_a_warning_is_waived_by_name_and_reason_and_an_error_is_not() -> None:
    standing, waived = apply_waivers([ERROR, WARNING, WARNING], WAIVERS)
    assert standing == (ERROR,)
    assert [each.finding for each in waived] == [WARNING, WARNING]
    assert waived[0].waiver.name == "Ada"
    assert not may_waive(ERROR)


def test_an_error_is_waived_where_the_newsroom_lets_its_code_be() -> None:
    standing, waived = apply_waivers([ERROR, WARNING], WAIVERS, waivable=["TEXT-PLACEHOLDER"])
    assert standing == ()
    assert [each.finding for each in waived] == [ERROR, WARNING]


@pytest.mark.parametrize(("name", "reason"), [("", "meant so"), ("Ada", " ")])
def test_a_waiver_without_a_name_or_a_reason_counts_for_nothing(name: str, reason: str) -> None:
    standing, waived = apply_waivers([WARNING], [Waiver(code="QUOTE-LONG", name=name, reason=reason)])
    assert standing == (WARNING,)
    assert waived == ()
