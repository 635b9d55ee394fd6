"""Generated requests for what the stand-in serves: each answer is as Harbor's API description says.

Schemathesis generates them from the description, valid and invalid ones, with a fixed seed. They change everything, so
this Harbor is not shared with other tests.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from multidict import CIMultiDict, CIMultiDictProxy
from schemathesis import GenerationMode

from lab.certs import Authority
from lab.harbor.app import BASE, ROUTES
from lab.harbor.standalone import Standalone
from lab.process import LabError, Processes
from tests.contract.harbor.client import Answer, check_answer
from tests.contract.harbor.specification import Specification, path_of_description

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

SEED, EXAMPLES = 20261128, 6
"""The number of requests is that for each operation and mode."""
METHODS = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE")
CONNECTS = {"/system/oidc/ping", "/ldap/ping"}
"""These send requests to the generated addresses."""
SETTINGS = "/configurations"
PROJECT = "described"
REFUSALS = {400, 404, 422}
"""Harbor refuses invalid parameters and the names of absent objects at every operation; few descriptions list it."""
DUPLICATE_RULES = {"createRetention", "updateRetention"}
"""Operations at which Harbor refuses two equal rules with 409, which the description does not list."""
CRASHES = {
    "createGCSchedule",
    "createProjectMember",
    "createScanAllSchedule",
    "deleteRetention",
    "getRetention",
    "searchLdapUser",
    "updateGCSchedule",
    "updateRetention",
    "updateScanAllSchedule",
}
"""Operations that also end in 500 at Harbor, without a schedule, a group, a policy or a directory: finding H3."""


def _order(route: tuple[str, str]) -> tuple[bool, int, str]:
    """Reads first and deletions late, so that most requests find what they name; settings last: one is read-only."""
    method, path = route
    return (path == SETTINGS and method == "PUT", METHODS.index(method), path)


OPERATIONS = sorted(((method, path) for method, path, _ in ROUTES if path not in CONNECTS), key=_order)


class DescribedHarbor:
    """The stand-in with one object of each kind, and the description of its API."""

    def __init__(self, standalone: Standalone) -> None:
        self.url = standalone.url + BASE
        login = base64.b64encode(f"admin:{standalone.admin_password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {login}"}
        self.specification = Specification(path_of_description())
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        raw = yaml.load(path_of_description().read_text(), Loader=loader)  # noqa: S506 - both are safe loaders
        self.paths: list[str] = list(raw["paths"])
        self.schema = schemathesis.openapi.from_dict(_closed(raw))
        self.schema.config.generation.allow_x00 = False  # PostgreSQL stores no NUL, so Harbor answers 500
        self.known = self._make_objects()

    def template(self, path: str) -> str:
        """Returns the path of the description, whose parameters have other names."""
        pattern = re.compile(re.sub(r"\{[^}]+\}", r"\\{[^}]+\\}", path))
        return next(one for one in self.paths if pattern.fullmatch(one))

    def send(self, case: schemathesis.Case[Any]) -> Answer:
        """Sends the request as the administrator, and asserts that the answer is as described."""
        response = case.call(base_url=self.url, headers=self.headers)
        headers = CIMultiDict((name, value) for name, values in response.headers.items() for value in values)
        answer = Answer(response.status_code, CIMultiDictProxy(headers), response.content)
        path = re.sub(r"\{[^}]+\}", "x", case.operation.path)
        operation = self.specification.operation(case.method, path)
        assert answer.status < 500 or operation.name in CRASHES, answer.body
        refusals = REFUSALS | ({409} if operation.name in DUPLICATE_RULES else set())
        if answer.status < 500 and answer.status not in refusals:
            check_answer(self.specification, operation, answer)
        return answer

    def _make_objects(self) -> dict[str, dict[str, object]]:
        """Returns the values of the parameters that name these objects, by the first part of the path."""
        project = f"projects/{PROJECT}"
        selector = {"kind": "doublestar", "decoration": "matches", "pattern": "v*"}
        rule = {"tag_selectors": [selector], "scope_selectors": {"repository": [selector]}}
        target = {"type": "http", "address": "https://ci.example.com", "skip_cert_verify": False}
        user = {"username": "ana", "realname": "ana", "email": "ana@example.com", "password": "Some-pass-1"}
        self._create("projects", {"project_name": PROJECT, "metadata": {"public": "false"}})
        grants = [{"kind": "project", "namespace": "*", "access": [{"resource": "repository", "action": "pull"}]}]
        robot = {"name": "ci", "level": "system", "duration": -1, "permissions": grants}
        members = {"role_id": 2, "member_user": {"username": "ana"}}
        hook = {"name": "ci", "enabled": True, "event_types": ["PUSH_ARTIFACT"], "targets": [target]}
        endpoint = {"name": "hub", "type": "docker-hub", "url": "https://hub.example.com"}
        numbers = {
            "user_id": self._create("users", user),
            "robot_id": self._create("robots", robot),
            "mid": self._create(f"{project}/members", members),
            "immutable_rule_id": self._create(f"{project}/immutabletagrules", rule),
            "webhook_policy_id": self._create(f"{project}/webhook/policies", hook),
            "gc_id": self._create("system/gc/schedule", {"schedule": {"type": "Manual"}}),
        }
        names = {"project_name_or_id": PROJECT, "project_name": PROJECT, **numbers}
        ids = {"registries": self._create("registries", endpoint), "quotas": 2}
        return {"": names, **{part: {"id": number} for part, number in ids.items()}}

    def _create(self, path: str, body: dict[str, Any]) -> int:
        answer = requests.post(f"{self.url}/{path}", json=body, headers=self.headers, timeout=10)
        assert answer.status_code == 201, answer.text
        return int(answer.headers["Location"].rpartition("/")[2])

    def name_known(self, case: schemathesis.Case[Any]) -> None:
        """Lets the request name the objects that exist."""
        known = {**self.known[""], **self.known.get(case.operation.path.split("/")[1], {})}
        case.path_parameters = {name: known.get(name, value) for name, value in case.path_parameters.items()}


def _closed(node: Any) -> Any:
    """Returns the description without unknown properties, with which generated bodies would be filled."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if "properties" in node and node.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.fixture(scope="module")
def harbor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DescribedHarbor]:
    if not path_of_description().exists():
        pytest.skip(f"Harbor's API description is not at {path_of_description()}; set HARBOR_API_SPEC")
    directory = tmp_path_factory.mktemp("described")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "logs")
    try:
        yield DescribedHarbor(Standalone.start(directory, processes, Authority.create(directory / "ca")))
    except LabError as error:
        pytest.skip(f"the Harbor stand-in cannot run here: {error}")
    finally:
        processes.stop_all()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_described(harbor: DescribedHarbor, method: str, path: str, mode: GenerationMode) -> None:
    operation = harbor.schema[harbor.template(path)][method]

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def send(case: schemathesis.Case[Any], is_known: bool) -> None:
        if is_known:
            harbor.name_known(case)
        harbor.send(case)

    try:
        send()
    except Unsatisfiable:
        pytest.skip("there is no such request")
