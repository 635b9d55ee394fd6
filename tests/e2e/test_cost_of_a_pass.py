"""What one pass over a registry that is right asks of each system, as docs/cost-of-a-pass.md lists it."""

from __future__ import annotations

import re
from difflib import unified_diff
from pathlib import Path
from urllib.parse import unquote

import pytest

from lab.audit import AuditEvent
from lab.operator import USER
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import passes, wait_all_injected
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "cost-of-a-pass.md"
SECTION = re.compile(r"^## (?P<title>.+?)\n.*?^```text\n(?P<requests>.*?)^```$", re.MULTILINE | re.DOTALL)
APPLICATION = "harbor-operator"
ATTEMPTS = 6
"""Passes; the first can follow changes of another test, and some prove a pull in a namespace."""


def test_a_pass_asks_what_the_page_lists(full_registry: RegistryFixture, running_operator: RunningOperator) -> None:
    wait_all_injected(full_registry)
    with full_registry.lab.services.postgres.logs_every_statement():
        for _ in range(ATTEMPTS):
            requests = requests_of_a_pass(full_registry, running_operator)
            if requests == documented():
                break
    difference = list(unified_diff(lines(documented()), lines(requests), "the page", "a pass", lineterm="", n=99))
    assert not difference, "\n".join(difference)


def lines(requests: dict[str, list[str]]) -> list[str]:
    """Returns the lines of all sections."""
    return [line for system, of_system in requests.items() for line in (f"## {system}", *of_system)]


def documented() -> dict[str, list[str]]:
    """Returns the requests that the page lists, by system."""
    return {found["title"]: found["requests"].splitlines() for found in SECTION.finditer(PAGE.read_text())}


def requests_of_a_pass(fixture: RegistryFixture, running_operator: RunningOperator) -> dict[str, list[str]]:
    """Returns what the next whole pass asks of each system."""
    services, audit = fixture.lab.services, fixture.lab.control_plane.audit
    wait_for_the_end_of_a_pass(running_operator)
    marks = audit.mark(), services.postgres.mark(), services.rgw_front.mark(), fixture.front.mark()
    before = redis_calls(fixture)
    wait_for_the_end_of_a_pass(running_operator)
    calls = redis_calls(fixture)
    events = [event for event in audit.since(marks[0], user=USER) if event.resource != "leases"]
    return {
        "Kubernetes": [shown(event) for event in events if event.verb != "watch"],
        "PostgreSQL": [
            line
            for session in services.postgres.sessions_since(marks[1], APPLICATION)
            for line in (f"connection to '{session.database}'", *map(first_line, session.statements))
        ],
        "Redis": [command.upper() for command in ("auth", "select") if calls[command] > before[command]],
        "Object store": [f"{request.method} {request.path}" for request in services.rgw_front.requests_since(marks[2])],
        "Harbor": [f"{request.method} {request.path}" for request in fixture.front.requests_since(marks[3])],
    }


def wait_for_the_end_of_a_pass(running_operator: RunningOperator) -> None:
    """Waits until a pass ends that may have begun before."""
    count = passes(running_operator.operator)
    wait_until(lambda: passes(running_operator.operator) > count, "the end of a pass", deadline=30)


def redis_calls(fixture: RegistryFixture) -> dict[str, int]:
    """Returns how often each command was called."""
    with fixture.lab.services.redis.client() as client:
        info = client.info("commandstats")
    return {name: info.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("auth", "select")}


def shown(event: AuditEvent) -> str:
    """Returns a request to the API server as the page shows it."""
    path = re.sub(r"^/apis?(/[a-z.-]+)?/v[0-9a-z]+/(namespaces/[^/]+/)?", "", unquote(event.uri))
    return f"{event.verb} {path.removesuffix('&limit=500').removesuffix('?limit=500')}"


def first_line(statement: str) -> str:
    """Returns the beginning of a statement as the page shows it."""
    return " ".join(statement.split())[:100].rstrip()
