"""docs/api.md names every path there is, and none that is not."""

import re
from pathlib import Path

from fastapi import FastAPI

from app.api import alert_types, alerts, auth, contacts, experiments, ingest, models, notifications, routing

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
_ROOT = {"/health", "/ready", "/metrics"}


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_the_docs_and_the_api_name_the_same_paths() -> None:
    api = FastAPI()
    for module in (ingest, contacts, routing, alerts, alert_types, experiments, models, notifications, auth):
        api.include_router(module.router)
    real = {_shape(path) for path in api.openapi()["paths"]}
    written = re.findall(r"^\| `(?:GET|POST|PUT|PATCH|DELETE) (/[^`?]*)`", DOCS.read_text(), re.MULTILINE)

    assert {_shape(path) for path in written} - _ROOT == real
