"""Answers of Harbor, and of what is not Harbor."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.adapters.harbor_http import HttpRequest, HttpResponse
from harbor_operator.adapters.harbor_immutable_tags import HttpHarborImmutableTags
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.adapters.harbor_registries import HttpHarborRegistries
from harbor_operator.adapters.harbor_replications import HttpHarborReplications
from harbor_operator.adapters.harbor_retention import HttpHarborRetention
from harbor_operator.adapters.harbor_schedules import HttpHarborSchedules
from harbor_operator.adapters.harbor_webhooks import HttpHarborWebhooks
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint, Login, ObservedRobot
from harbor_operator.model.projects import DesiredMember, DesiredProject, DesiredRegistry, ObservedProject
from harbor_operator.model.schedules import SystemJob
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.hostile import answering

ROBOT = ObservedRobot(1, "robot$x", "", frozenset())
DESIRED = DesiredRobot("x", "", ("*",))
PROJECT = DesiredProject("x", public=True)
OBSERVED = ObservedProject(1, "x", public=True)
REGISTRY = DesiredRegistry("hub", "docker-hub", "https://hub.example.com")

CALLS: dict[str, Callable[[HarborEndpoint], Awaitable[object]]] = {
    "read_identity": HttpHarbor().read_identity,
    "read_system": HttpHarbor().read_system,
    "read_projects": HttpHarbor().read_projects,
    "read_project_names": HttpHarbor().read_project_names,
    "read_image": lambda endpoint: HttpHarbor().read_image(endpoint, "x"),
    "create_project": lambda endpoint: HttpHarborProjects().create_project(endpoint, PROJECT),
    "find_projects": lambda endpoint: HttpHarborProjects().find_projects(endpoint, {"x"}),
    "find_quotas": lambda endpoint: HttpHarborProjects().find_quotas(endpoint, [OBSERVED]),
    "read_members": lambda endpoint: HttpHarborProjects().read_members(endpoint, "x"),
    "read_ldap_groups": HttpHarborProjects().read_ldap_groups,
    "add_member": lambda endpoint: HttpHarborProjects().add_member(endpoint, "x", DesiredMember(1, "ana")),
    "read_immutable_rules": lambda endpoint: HttpHarborImmutableTags().read_immutable_rules(endpoint, "x"),
    "read_retention": lambda endpoint: HttpHarborRetention().read_retention(endpoint, 1),
    "read_webhooks": lambda endpoint: HttpHarborWebhooks().read_webhooks(endpoint, "x"),
    "read_replications": HttpHarborReplications().read_replications,
    "read_registries": HttpHarborRegistries().read_registries,
    "create_registry": lambda endpoint: HttpHarborRegistries().create_registry(endpoint, REGISTRY),
    "read_configuration": HttpHarborConfiguration().read_configuration,
    "read_schedule": lambda endpoint: HttpHarborSchedules().read_schedule(endpoint, SystemJob.GARBAGE_COLLECTION),
    "read_collections": HttpHarborSchedules().read_collections,
    "read_robots": lambda endpoint: HttpHarbor().read_robots(endpoint, "x"),
    "read_last_pull": lambda endpoint: HttpHarbor().read_last_pull(endpoint, "robot$x"),
    "create_robot": lambda endpoint: HttpHarbor().create_robot(endpoint, DESIRED),
    "update_robot": lambda endpoint: HttpHarbor().update_robot(endpoint, ROBOT, DESIRED),
    "remove_robot": lambda endpoint: HttpHarbor().remove_robot(endpoint, ROBOT),
    "read_health": HttpRegistryProbe().read_health,
    "read_v2_response": HttpRegistryProbe().read_v2_response,
    "try_login": HttpRegistryProbe().try_login,
    "try_pull": lambda endpoint: HttpRegistryProbe().try_pull(endpoint, "library/x:1"),
    "announce_body": lambda endpoint: HttpRegistryProbe().announce_body(endpoint, 1 << 33),
    "try_upload": lambda endpoint: HttpRegistryProbe().try_upload(endpoint, "library/x", 1024),
}


def _endpoint(url: str) -> HarborEndpoint:
    return HarborEndpoint(url, login=Login("admin", SecretStr("Admin-pass-1")))


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize("call", CALLS)
async def test_a_foreign_body_is_never_an_internal_error(call: str, status: int) -> None:
    """Finding H3."""
    for body in ("", "null", "[]", "{}", '"x"', "7", '[{"a": 1}]', "<html>", "[" * 100_000):
        async with answering(status, body) as server:
            with suppress(Refused, Unavailable):
                await CALLS[call](_endpoint(server.url))
        assert server.requests


async def test_an_empty_server_error_is_an_unhealthy_harbor() -> None:
    """Finding H3."""
    async with answering(500, "") as server:
        with pytest.raises(Unavailable, match="HTTP 500") as error:
            await HttpHarbor().create_robot(_endpoint(server.url), DESIRED)
    assert error.value.reason is Reason.REGISTRY_UNHEALTHY


async def test_an_empty_success_where_a_body_is_required_is_not_harbor() -> None:
    async with answering(201, "") as server:
        with pytest.raises(Refused, match=r"`spec.externalURL`") as error:
            await HttpHarbor().create_robot(_endpoint(server.url), DESIRED)
    assert error.value.reason is Reason.REGISTRY_NOT_HARBOR


async def test_a_long_retry_after_is_bounded() -> None:
    async with answering(503, "", "Retry-After: 3600\r\n") as server:
        with pytest.raises(Unavailable) as error:
            await HttpHarbor().read_system(_endpoint(server.url))
    assert error.value.retry_after == 120


def _response(content: str) -> HttpResponse:
    return HttpResponse(_endpoint("https://cr"), HttpRequest("GET", "/v2/"), 404, {}, content.encode())


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("project x not found: project x not found", "project x not found"),
        (
            "unauthorized to access: a/b, action: push: unauthorized to access: a/b, action: push",
            "unauthorized to access: a/b, action: push",
        ),
        ("project x not found", "project x not found"),
        ("", "HTTP 404"),
        ("x" * 5000, "x" * 300),
    ],
)
def test_harbors_message_stands_once(message: str, expected: str) -> None:
    assert _response(json.dumps({"errors": [{"message": message}]})).error_message == expected


@pytest.mark.parametrize("content", ["", "null", "{}", "[]", '{"errors": []}', '{"errors": [7]}', "<html>"])
def test_an_error_without_a_message_is_its_status(content: str) -> None:
    assert _response(content).error_message == "HTTP 404"


@pytest.mark.parametrize("repeated", [True, False])
async def test_read_only_is_recognised_by_its_text(repeated: bool) -> None:
    """Finding H2."""
    text = "The system is in read only mode. Any modification is prohibited."
    body = json.dumps({"errors": [{"code": "DENIED", "message": f"{text}: {text}" if repeated else text}]})
    async with answering(403, body) as server:
        with pytest.raises(Refused) as error:
            await HttpHarborProjects().create_project(_endpoint(server.url), PROJECT)
    assert error.value.reason is Reason.REGISTRY_READ_ONLY
