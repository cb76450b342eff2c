"""The deployed models: loaded and verified from the database, and put there at the first start."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import errors, log, versions
from core.db.dialect import upsert
from core.db.tables.deciding import ModelVersion
from core.scoring import features, generic, prior
from core.scoring.model import Compiled, Model, digest, parse
from core.words import Intent, ModelStatus

SHIPPED = Path(__file__).parent / "shipped"
VERSIONS = "models"
_KEPT = 32
"""Parsed models that are kept for the next load."""
_PARSED: dict[tuple[str, str, str, str], Model] = {}
_log = log.get(__name__)


@dataclass(frozen=True)
class Models:
    """What a process scores with: the deployed model of every intent, compiled together, and those in shadow, apart."""

    version: int
    """The counter of core.versions these were loaded at."""
    compiled: Compiled
    """The four intents, then a team's own trained ones."""
    shadow: Compiled = field(default_factory=lambda: Compiled((), ()))
    """Scored beside them and shown to nobody; empty where none is tried."""
    extra: tuple[str, ...] = ()
    """Generic features (core.scoring.generic) that any of them looks at: they stand after features.NAMES in a vector."""
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Intent to why its deployed model could not be loaded; the last good one goes on serving."""

    @classmethod
    def load(cls, session: Session, *, last: "Models | None" = None) -> "Models":
        """Load and verify; what is in shadow and does not verify is logged and left out.

        Args:
            last: what this process served until now. Where a deployed model does not verify, its last good one stays; a
                process that has just started takes the newest one that was deployed before and does verify, else the
                shipped one. A trained type of a team's own that never had a good one is left out.

        Raises:
            Invalid: one of the four intents has no deployed model.
        """
        version = versions.number(session, VERSIONS)
        rows = session.execute(
            select(
                ModelVersion.id,
                ModelVersion.intent,
                ModelVersion.status,
                ModelVersion.kind,
                ModelVersion.parameters,
                ModelVersion.sha256,
            )
            .where(ModelVersion.status.in_((ModelStatus.DEPLOYED, ModelStatus.SHADOW)))
            .order_by(ModelVersion.id)
        ).all()
        deployed = {row.intent: row for row in rows if row.status == ModelStatus.DEPLOYED}
        good = {model.intent: model for model in last.compiled.models} if last else {}
        models, wrong = [], {}
        for intent in (*Intent, *sorted(deployed.keys() - set(Intent))):
            try:
                models.append(_verified(intent, deployed.get(intent)))
            except errors.Invalid as error:
                if intent not in deployed:
                    raise
                _log.error("deployed_model_refused", intent=str(intent), error=error.detail)
                wrong[str(intent)] = error.detail
                if instead := good.get(intent) or _last_good(session, intent):
                    models.append(instead)
        return cls._compiled(version, models, _in_shadow(rows), wrong)

    @classmethod
    def _compiled(
        cls, version: int, models: Sequence[Model], shadow: Sequence[Model], wrong: Mapping[str, str]
    ) -> "Models":
        used = {name for model in (*models, *shadow) for name in model.features}
        extra = tuple(sorted(used - features.INDEX.keys()))
        names = (*features.NAMES, *extra)
        return cls(version, Compiled(models, names), Compiled(shadow, names), extra, wrong)

    @classmethod
    def of_prior(cls) -> "Models":
        """The documented prior alone, without a database."""
        models = [
            parse(prior.parameters(intent), id=f"{intent}-prior", intent=intent, kind="prior") for intent in Intent
        ]
        return cls(0, Compiled(models, features.NAMES))

    def trying(self, version: str) -> "Models":
        """The same with one model of the shadow alone in service: what an experiment serves to some.

        Raises:
            NotFound: it is not in shadow (any more).
        """
        chosen = [model for model in self.shadow.models if model.id == version]
        if not chosen:
            raise errors.NotFound(f"There is no model {version} in shadow.")
        return replace(self, compiled=Compiled(chosen, (*features.NAMES, *self.extra)))

    def is_stale(self, session: Session) -> bool:
        """Whether other models were deployed since."""
        return versions.number(session, VERSIONS) != self.version

    def model(self, intent: str) -> Model:
        """Raises NotFound for an intent that has no model."""
        for model in self.compiled.models:
            if model.intent == intent:
                return model
        raise errors.NotFound(f"There is no model of {intent}.")


def _last_good(session: Session, intent: str) -> Model | None:
    """For a process that has served nothing yet: what was deployed before, newest first, or what is shipped."""
    before = (ModelVersion.intent == intent, ModelVersion.status == ModelStatus.RETIRED)
    earlier = select(ModelVersion.id).where(*before, ModelVersion.deployed_at.is_not(None))
    for version in session.scalars(earlier.order_by(ModelVersion.deployed_at.desc())):
        if (model := one_version(session, version)) is not None:
            return model
    if intent not in set(Intent):
        return None
    shipped, sha256 = _shipped(Intent(intent))
    version = f"{intent.lower()}-{shipped['kind']}-{sha256[:8]}"
    return _parsed(shipped["parameters"], sha256, id=version, intent=intent, kind=shipped["kind"])


def one_version(session: Session, version: str) -> Model | None:
    """The model of one version, deployed or not; None where it is gone or does not verify."""
    row = session.execute(
        select(
            ModelVersion.id, ModelVersion.intent, ModelVersion.kind, ModelVersion.parameters, ModelVersion.sha256
        ).where(ModelVersion.id == version)
    ).one_or_none()
    if row is None:
        return None
    try:
        return _verified(row.intent, row)
    except errors.Invalid:
        return None


def _verified(intent: str, row: Any) -> Model:
    if row is None:
        raise errors.Invalid(f"No model of {intent} is deployed: install the shipped ones first")
    if digest(row.parameters) != row.sha256:
        raise errors.Invalid(f"The parameters of {row.id} are not what was deployed: their digest differs")
    model = _parsed(row.parameters, row.sha256, id=row.id, intent=row.intent, kind=row.kind)
    for name in model.features - features.INDEX.keys():
        generic.parse(name)  # raises Invalid for what is no feature, or speaks of a protected class
    return model


def _parsed(parameters: Any, sha256: str, *, id: str, intent: str, kind: str) -> Model:
    """`parse`, once for what stays the same: a deployment of one model has the others loaded again too."""
    key = (id, intent, kind, sha256)
    if key not in _PARSED:
        if len(_PARSED) >= _KEPT:
            _PARSED.clear()
        _PARSED[key] = parse(parameters, id=id, intent=intent, kind=kind)
    return _PARSED[key]


def _in_shadow(rows: Sequence[Any]) -> list[Model]:
    found = []
    for row in rows:
        if row.status == ModelStatus.SHADOW:
            try:
                found.append(_verified(row.intent, row))
            except errors.Invalid as error:
                _log.error("shadow_model_refused", model=row.id, error=error.detail)
    return found


def install(session: Session, *, now: datetime) -> None:
    """Deploy the shipped model (or the prior, where none is shipped) of every intent that has no deployed one."""
    deployed = set(session.scalars(select(ModelVersion.intent).where(ModelVersion.status == ModelStatus.DEPLOYED)))
    known = set(session.scalars(select(ModelVersion.id)))
    rows = []
    for intent in Intent:
        if intent in deployed:
            continue
        shipped, sha256 = _shipped(intent)
        version = f"{intent.lower()}-{shipped['kind']}-{sha256[:8]}"
        if version in known:  # it was retired by hand: deploy it again under another name
            version = f"{version}-{now:%Y%m%d%H%M%S}"
        _parsed(shipped["parameters"], sha256, id=version, intent=intent, kind=shipped["kind"])
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
        # Two processes may begin together on an empty database: the second finds what the first put there.
        session.execute(upsert(session, ModelVersion).on_conflict_do_nothing(), rows)
        versions.bump(session, VERSIONS)


@cache
def _shipped(intent: Intent) -> tuple[dict[str, Any], str]:
    """What `shipped_model` says, not to be changed, and the digest of its parameters."""
    shipped = shipped_model(intent)
    return shipped, digest(shipped["parameters"])


def shipped_model(intent: Intent) -> dict[str, Any]:
    """{kind, parameters, metrics, trained_on} of the model that comes with the product."""
    path = SHIPPED / f"{intent.lower()}.json"
    if not path.exists():
        return {"kind": "prior", "parameters": prior.parameters(intent), "trained_on": {"source": "documented prior"}}
    shipped: dict[str, Any] = json.loads(path.read_text())
    if shipped.get("feature_set") != features.FEATURE_SET:
        raise errors.Invalid(f"{path.name} was trained for another feature set")
    return shipped
