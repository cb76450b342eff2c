"""docs/api.md names every path there is, and none that is not."""

import re
from pathlib import Path

from fastapi import FastAPI

from app import server

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
_ROOT = {"/health", "/ready", "/metrics"}
_PROVIDERS = "/providers/"
"""At the root too, and for providers alone: the API does not describe them."""


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_the_docs_and_the_api_name_the_same_paths() -> None:
    api = FastAPI()
    for router in server.routers():
        api.include_router(router)
    real = {_shape(path) for path in api.openapi()["paths"]}
    written = re.findall(r"^\| `(?:GET|POST|PUT|PATCH|DELETE) (/[^`?]*)`", DOCS.read_text(), re.MULTILINE)

    ours = {_shape(path) for path in written if not path.startswith(_PROVIDERS)}
    assert ours - _ROOT == real
