"""A draft of a rule as the editor holds it: to and from the rule as it is stored, and as text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import orjson

from app.ui import condition_draft
from app.ui.condition_draft import Group, Row
from core.errors import Invalid
from core.routing import rule_book, rule_files, rules
from core.routing.rule_book import StoredRule

View = Literal["form", "yaml", "json"]
_numbers = count(1)


@dataclass
class Deed:
    """One action; parameters the editor does not know stay as they are."""

    kind: str = "assign_by_skill"
    params: dict[str, Any] = field(default_factory=dict)
    uid: int = field(default_factory=lambda: next(_numbers))


@dataclass
class Draft:
    rule_id: str | None = None
    version: int | None = None
    base: Mapping[str, Any] | None = None
    """The stored text it started from."""
    name: str = ""
    description: str = ""
    priority: int = 100
    enabled: bool = True
    root: Group = field(default_factory=Group)
    deeds: list[Deed] = field(default_factory=lambda: [Deed()])
    view: View = "form"
    text: str | None = None
    """What was typed as text and does not read yet."""
    clash: str | None = None
    """Why it could not be saved: somebody else was faster."""
    uid: int = field(default_factory=lambda: next(_numbers))

    def written(self) -> dict[str, Any]:
        """As people write it."""
        return {
            "name": self.name,
            "priority": self.priority,
            "enabled": self.enabled,
            "description": self.description,
            "conditions": condition_draft.listed(self.root),
            "actions": [{"type": deed.kind, "params": deed.params} for deed in self.deeds],
        }

    @property
    def changed(self) -> bool:
        """Whether leaving it would lose something."""
        return self.text is not None or self.written() != (self.base if self.base is not None else _EMPTY)

    def as_text(self, view: View) -> str:
        if view == "json":
            return orjson.dumps(self.written(), option=orjson.OPT_INDENT_2).decode()
        return rule_files.as_yaml(self.written())

    def take(self, raw: Mapping[str, Any]) -> None:
        """Become what a checked text says; whose draft it is stays."""
        checked = rule_book.columns(rules.validate(raw))
        self.name, self.description = checked["name"], checked["description"]
        self.priority, self.enabled = checked["priority"], checked["enabled"]
        self.root = condition_draft.read(checked["conditions"])
        self.deeds = [Deed(kind=one["type"], params=dict(one["params"] or {})) for one in checked["actions"]]

    def take_text(self, text: str) -> dict[str, str]:
        """The same from text of JSON or YAML; what is wrong with it, and then nothing changes but the text that is kept."""
        try:
            self.take(rule_files.one(text.encode()))
        except Invalid as error:
            self.text = text
            return dict(error.fields)
        self.text = None
        return {}


def of(raw: Mapping[str, Any]) -> Draft:
    """A new rule that starts as this one."""
    draft = Draft()
    draft.take(raw)
    return draft


def of_stored(rule: StoredRule) -> Draft:
    """A change of a stored rule; one that no longer reads is there as text, to be put right."""
    text = rule_book.text(rule)
    draft = Draft(rule_id=rule.id, version=rule.version, name=rule.name)
    try:
        draft.take(text)
    except Invalid:
        draft.base, draft.view, draft.text = text, "yaml", rule_files.as_yaml(text)
        return draft
    draft.base = draft.written()
    return draft


def new_row() -> Row:
    return Row(field="alert.type", operator="equals", value="LIKELY_TO_SELL")


_EMPTY = Draft().written()
