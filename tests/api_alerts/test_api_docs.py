"""docs/api.md names every path there is, and none that is not."""

import re
from pathlib import Path

from fastapi import FastAPI

from app import server

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
_ROOT = {"/health", "/ready", "/metrics"}


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_the_docs_and_the_api_name_the_same_paths() -> None:
    api = FastAPI()
    for router in server.routers():
        api.include_router(router)
    real = {_shape(path) for path in api.openapi()["paths"]}
    written = re.findall(r"^\| `(?:GET|POST|PUT|PATCH|DELETE) (/[^`?]*)`", DOCS.read_text(), re.MULTILINE)

    assert {_shape(path) for path in written} - _ROOT == real
