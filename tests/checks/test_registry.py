import re
from pathlib import Path

import pytest

from newsletter.checks import RULES, require
from newsletter.checks.client_table import FEATURES
from newsletter.checks.rule import OWN
from newsletter.errors import InputError
from newsletter.issues import standing
from newsletter.roundups.review import CODES

PACKAGE = Path(__file__).resolve().parents[2] / "newsletter"
CODE = re.compile(r"\"((?:GATE|ISSUE)-[A-Z]+(?:-[A-Z]+)*)\"")


@pytest.mark.parametrize("code", RULES)
def test_every_rule_explains_itself(code: str) -> None:
    rule = RULES[code]
    assert rule.code == code
    assert re.fullmatch(r"[A-Z]+(-[A-Z0-9]+)+", code)
    assert rule.title
    assert not rule.title.endswith(".")
    assert rule.why.endswith((".", ")"))
    assert rule.fix
    assert not rule.fix.endswith(".")
    assert rule.source == OWN or rule.source.startswith(("https://", "RFC ", "CAN-SPAM"))


def test_every_code_of_the_other_stations_is_explained() -> None:
    said = {
        code for path in PACKAGE.rglob("*.py") if "checks" not in path.parts for code in CODE.findall(path.read_text())
    }
    assert {standing.NO_TITLE, "GATE-POSTAL-ADDRESS"} <= said
    assert said <= set(RULES)
    assert set(CODES) <= set(RULES)


def test_a_code_is_found_whatever_its_case_and_a_slip_names_the_nearest() -> None:
    assert require(" quote-unclosed ").code == "QUOTE-UNCLOSED"
    with pytest.raises(InputError, match=r"no check has the code 'QUOTE-UNCLOSD'.*Did you mean 'QUOTE-UNCLOSED'\?"):
        require("QUOTE-UNCLOSD")


def test_each_row_of_the_client_table_has_its_own_code_and_source() -> None:
    assert len({feature.code for feature in FEATURES}) == len(FEATURES)
    assert all(feature.source.startswith("https://www.caniemail.com/features/") for feature in FEATURES)
