"""Half a character (a lone surrogate, which JSON can write and no database keeps) is the caller's mistake, and told as one."""

import json
from typing import Any

from core.clock import FakeClock
from core.db import Database
from tests import webs
from tests.webs import people, serving_web

HALF = "\ud800"
RULE = {"name": "r", "actions": [{"type": "assign_to_agent", "params": {"agentId": "ann"}}]}
STEPS = [{"after": {"minutes": 5}, "do": "remind"}]
HOOK = {"name": "w", "url": "http://127.0.0.1:9/x"}
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/alerts/routing/rules", {**RULE, "description": HALF}),
    ("POST", "/alerts/routing/rules", {**RULE, "name": HALF}),
    ("POST", "/alerts/routing/policies", {"name": HALF, "content": {"rules": [RULE]}}),
    ("POST", "/alerts/routing/policies", {"name": "p", "content": {"rules": [{**RULE, "description": HALF}]}}),
    ("PUT", "/alerts/routing/agents/ann/profile", {"skills": {HALF: 1}}),
    ("PUT", "/alerts/routing/settings", {"units": {"types": {HALF: 1}}}),
    ("POST", "/escalation-policies", {"name": HALF, "steps": STEPS}),
    ("POST", "/escalation-policies", {"name": "e", "alertTypes": [HALF], "steps": STEPS}),
    ("POST", "/webhook-endpoints", {**HOOK, "teamId": HALF}),
    ("POST", "/webhook-endpoints", {"name": "w", "channel": "hubspot", "secret": HALF}),
]


def test_half_a_character_is_refused_wherever_it_stands(database: Database, clock: FakeClock) -> None:
    people(database, clock.now())
    with serving_web(database, clock, allow_private_urls=True) as running:
        headers = {"authorization": f"Bearer {running.token('ada@doorbell.test')}", "content-type": "application/json"}
        got = []
        for method, path, body in BODIES:
            url = f"{running.url}/api/v1{path}"
            answer = webs.request(method, url, content=json.dumps(body).encode(), headers=headers)
            got.append((path, body, answer.status_code))
    assert [one for one in got if one[2] != 422] == []
