"""The mapping file (TOML or JSON): which column is what, and which activity is which event. docs/replay.md has it all."""

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import Invalid
from core.words import EventCategory, EventType


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(_Strict):
    """Names of columns (CSV) or fields (JSON lines; a dot goes into an object)."""

    contact: str
    time: str
    """ISO 8601 with its zone, or seconds since 1970."""
    activity: str
    detail: str | None = None
    """A second column that tells activities apart: rules then also match "activity|detail"."""
    id: str | None = None
    """The source's own event id; without it the row number is the id."""
    resource: str | None = None
    """Who handled it: these become agents."""
    session: str | None = None


class Contact(_Strict):
    prefix: str = ""


class Property(_Strict):
    value: str | None = None
    """Column with an amount; the largest of a contact's rows becomes the estimated value of one property."""
    scale: float = Field(default=1.0, gt=0)


class Time(_Strict):
    shift_to_now: bool = True
    """The newest event happens now; the others keep their distance to it (before squeezing)."""
    squeeze_to_days: float | None = Field(default=None, gt=0)
    """The whole span is squeezed into so many days."""


class Agents(_Strict):
    prefix: str = "handler-"
    capacity: int = Field(default=10, ge=0)


class Becomes(_Strict):
    """What an activity becomes."""

    type: EventType = EventType.PAGE_VIEW
    category: EventCategory | None = None
    name: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    skip: bool = False


class Mapping(_Strict):
    name: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")
    """Part of every event id, so that replaying the same file again adds nothing."""
    columns: Columns
    contact: Contact = Contact()
    property: Property = Property()
    time: Time = Time()
    agents: Agents = Agents()
    events: dict[str, Becomes] = Field(default_factory=dict)
    otherwise: Becomes = Becomes()

    def becomes(self, activity: str, detail: str | None) -> Becomes:
        """The rule for "activity|detail", else for "activity", else `otherwise`."""
        if detail is not None and (found := self.events.get(f"{activity}|{detail}")) is not None:
            return found
        return self.events.get(activity, self.otherwise)


def load(path: Path) -> Mapping:
    """Read a mapping file.

    Raises:
        Invalid: naming the file and every wrong field.
    """
    try:
        text = path.read_text()
        raw = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return Mapping.model_validate(raw)
    except OSError as error:
        raise Invalid(f"The mapping {path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"The mapping {path} is not valid {path.suffix.lstrip('.') or 'TOML'}: {error}") from error
    except ValidationError as error:
        fields = {".".join(map(str, each["loc"])): each["msg"] for each in error.errors()}
        listed = "; ".join(f"{name}: {message}" for name, message in fields.items())
        raise Invalid(f"The mapping {path} is not valid: {listed}", fields=fields) from error
