"""The deployed models: loaded and verified from the database, and put there at the first start."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core import errors, versions
from core.db.base import table_of
from core.db.tables.deciding import ModelVersion
from core.scoring import features, prior
from core.scoring.model import Compiled, Model, digest, parse
from core.words import Intent, ModelStatus

SHIPPED = Path(__file__).parent / "shipped"
VERSIONS = "models"


@dataclass(frozen=True)
class Models:
    """What a process scores with: the deployed model of every intent, compiled together."""

    version: int
    """The counter of core.versions these were loaded at."""
    compiled: Compiled

    @classmethod
    def load(cls, session: Session) -> "Models":
        """Raises Invalid when an intent has no deployed model, or parameters are not what their digest says."""
        version = versions.number(session, VERSIONS)
        rows = {
            row.intent: row
            for row in session.execute(
                select(
                    ModelVersion.id,
                    ModelVersion.intent,
                    ModelVersion.kind,
                    ModelVersion.parameters,
                    ModelVersion.sha256,
                ).where(ModelVersion.status == ModelStatus.DEPLOYED)
            )
        }
        models = []
        for intent in Intent:
            row = rows.get(intent)
            if row is None:
                raise errors.Invalid(f"No model of {intent} is deployed: install the shipped ones first")
            if digest(row.parameters) != row.sha256:
                raise errors.Invalid(f"The parameters of {row.id} are not what was deployed: their digest differs")
            models.append(parse(row.parameters, id=row.id, intent=row.intent, kind=row.kind))
        return cls(version, Compiled(models, features.NAMES))

    @classmethod
    def of_prior(cls) -> "Models":
        """The documented prior alone, without a database."""
        models = [
            parse(prior.parameters(intent), id=f"{intent}-prior", intent=intent, kind="prior") for intent in Intent
        ]
        return cls(0, Compiled(models, features.NAMES))

    def is_stale(self, session: Session) -> bool:
        """Whether other models were deployed since."""
        return versions.number(session, VERSIONS) != self.version

    def model(self, intent: str) -> Model:
        """Raises NotFound for an intent that has no model."""
        for model in self.compiled.models:
            if model.intent == intent:
                return model
        raise errors.NotFound(f"There is no model of {intent}.")


def install(session: Session, *, now: datetime) -> None:
    """Deploy the shipped model (or the prior, where none is shipped) of every intent that has no deployed one."""
    deployed = set(session.scalars(select(ModelVersion.intent).where(ModelVersion.status == ModelStatus.DEPLOYED)))
    known = set(session.scalars(select(ModelVersion.id)))
    rows = []
    for intent in Intent:
        if intent in deployed:
            continue
        shipped = shipped_model(intent)
        sha256 = digest(shipped["parameters"])
        version = f"{intent.lower()}-{shipped['kind']}-{sha256[:8]}"
        if version in known:  # it was retired by hand: deploy it again under another name
            version = f"{version}-{now:%Y%m%d%H%M%S}"
        parse(shipped["parameters"], id=version, intent=intent, kind=shipped["kind"])
        rows.append(
            {
                "id": version,
                "intent": intent.value,
                "status": ModelStatus.DEPLOYED.value,
                "kind": shipped["kind"],
                "parameters": shipped["parameters"],
                "sha256": sha256,
                "metrics": shipped.get("metrics", {}),
                "trained_on": shipped.get("trained_on", {}),
                "created_at": now,
                "deployed_at": now,
            }
        )
    if rows:
        session.execute(insert(table_of(ModelVersion)), rows)
        versions.bump(session, VERSIONS)


def shipped_model(intent: Intent) -> dict[str, Any]:
    """{kind, parameters, metrics, trained_on} of the model that comes with the product."""
    path = SHIPPED / f"{intent.lower()}.json"
    if not path.exists():
        return {"kind": "prior", "parameters": prior.parameters(intent), "trained_on": {"source": "documented prior"}}
    shipped: dict[str, Any] = json.loads(path.read_text())
    if shipped.get("feature_set") != features.FEATURE_SET:
        raise errors.Invalid(f"{path.name} was trained for another feature set")
    return shipped
