"""What the editor makes of a stored definition, and back."""

from typing import Any

import pytest

from app.ui import alert_type_draft as drafts
from core.alert_types import definition, rules
from core.alert_types.templates import TEMPLATES
from tests.alert_types.writing import CHECKED, CLAIM, a_type, when


def meaning(raw: Any) -> str:
    """What it says, whatever its brackets."""
    read = definition.read(raw["definition"], kind="rule").rule
    return rules.in_words(read) if read is not None else ""


@pytest.mark.parametrize(
    "raw",
    [
        *TEMPLATES,
        a_type(CHECKED),
        a_type({"any": [CHECKED, CLAIM]}),
        a_type({"all": [{"any": [CHECKED, CLAIM]}, {"not": {"any": [when("feature.searches_30d", "between", [1, 4])]}}]}),
        a_type({"all": [when("feature.preferred_device", "equals", "mobile"), when("feature.years_owned", "exists", False)]}),
        a_type({"all": [when("feature.searches_30d", "in", [1, 2])]}),
    ],
)  # fmt: skip
def test_a_definition_comes_out_of_the_editor_as_it_went_in(raw: Any) -> None:
    draft = drafts.of(raw)
    assert draft.fixed is None
    assert meaning(draft.written()) == meaning(raw)
    assert definition.validate(draft.written()).horizon_days == raw["horizonDays"]


def test_what_the_editor_cannot_take_apart_stays_as_it_is() -> None:
    raw = a_type({"any": [{"all": [CHECKED, CLAIM]}, {"not": {"not": CLAIM}}]})
    draft = drafts.of(raw)
    assert draft.written() == {"description": "", **raw}


def test_signs_keep_what_they_add() -> None:
    points = {"base": 0.0, "points": [{"when": CHECKED, "add": 1.234}]}
    draft = drafts.of(a_type(CLAIM, confidence=points))
    assert draft.start == 0.5
    assert draft.written()["definition"]["confidence"] == points


@pytest.mark.parametrize(
    "written",
    [
        {"label": {"kind": "event", "name": "listing_signed"}, "features": "all"},
        {"label": {"kind": "transaction", "type": "sale"}, "features": ["value_checks_30d", "count:brochure:30d"]},
        {
            "label": {"kind": "outcome"},
            "features": "all",
            "rule": {"all": [when("feature.value_checks_30d", "greater_than", 2)]},
            "confidence": {"belief": 0.6},
        },
    ],
)
def test_a_trained_type_survives_the_editor(written: dict[str, Any]) -> None:
    raw = {"name": "Downsizing", "description": "", "kind": "trained", "horizonDays": 90, "definition": written}
    draft = drafts.of(raw)
    assert draft.fixed is None
    assert draft.written() == raw
    definition.validate(draft.written())
