"""A client that validates every request and answer against the API description."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
import yarl
from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy

    from tests.contract.harbor.specification import Operation, Specification

API = "/api/v2.0"
Login = tuple[str, str]

UNDECLARED = {
    ("headProject", 401),
    ("headProject", 422),
    ("createProject", 403),
    ("createProject", 422),
    ("getProject", 403),
    ("getProject", 404),
    ("getCurrentUserInfo", 412),
    ("ListRobot", 401),
    ("ListRobot", 422),
    ("CreateRobot", 409),
    ("CreateRobot", 422),
    ("RefreshSec", 422),
    ("CreateImmuRule", 409),
    ("DeleteImmuRule", 404),
    ("createProjectMember", 404),
    ("createRetention", 409),
    ("CreateWebhookPolicyOfProject", 409),
    ("updateConfigurations", 400),
    ("updateConfigurations", 422),
}
"""Answers of Harbor that its description does not declare; their body has the common error format."""


@dataclass(frozen=True)
class Answer:
    """A received answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def json(self) -> Any:
        """Returns the decoded body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.json()["errors"][0]["code"])

    @property
    def message(self) -> str:
        """The message of the first error."""
        return str(self.json()["errors"][0]["message"])


class HarborClient:
    """A client of one Harbor, without cookies, because a session cookie requires CSRF tokens."""

    def __init__(
        self, url: str, admin_password: str, specification: Specification, session: aiohttp.ClientSession
    ) -> None:
        self.url = url.rstrip("/")
        self.admin: Login = ("admin", admin_password)
        self._specification = specification
        self._session = session

    async def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        login: Login | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Calls the API with a valid request; request and answer are checked."""
        self._check_request(self._operation(method, path), path, body)
        return await self.wrong_api(method, path, body, login=login, headers=headers)

    async def wrong_api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        login: Login | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Calls the API with an invalid request; only the answer is checked."""
        answer = await self.call(method, API + path, body, login=login, headers=headers)
        check_answer(self._specification, self._operation(method, path), answer)
        return answer

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        login: Login | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends any other request, such as to /v2/ and the token service, without checks."""
        sent = CIMultiDict(headers or {})
        if login is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(*login)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        url = yarl.URL(self.url + path, encoded=True)
        data = io.BytesIO(body) if body else None
        async with self._session.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def as_admin(self, method: str, path: str, body: Any = None) -> Answer:
        """Calls the API as the administrator."""
        return await self.api(method, path, body, login=self.admin)

    async def token(self, login: Login | None, *scopes: str, service: str = "harbor-registry") -> Answer:
        """Requests a token."""
        query = urlencode([("service", service), *(("scope", scope) for scope in scopes)])
        return await self.call("GET", f"/service/token?{query}", login=login)

    def _operation(self, method: str, path: str) -> Operation:
        return self._specification.operation(method, path.partition("?")[0])

    def _check_request(self, operation: Operation, path: str, body: Any) -> None:
        schema = operation.body_schema()
        assert (body is None) == (schema is None), f"{operation.name}: a body is required, or not allowed"
        if schema is not None:
            self._specification.check(body, schema, f"the request of {operation.name}")
        names = {pair.partition("=")[0] for pair in path.partition("?")[2].split("&") if pair}
        assert names <= operation.query_names(), f"{operation.name} does not declare {names - operation.query_names()}"


def check_answer(specification: Specification, operation: Operation, answer: Answer) -> None:
    """Asserts that the description declares the status of the answer, and that its body matches the schema."""
    what = f"the answer {answer.status} of {operation.name}"
    declared = operation.responses.get(str(answer.status))
    assert declared is not None or (operation.name, answer.status) in UNDECLARED, f"{what} is not described"
    schema = specification.errors if answer.status >= 400 else (declared or {}).get("schema")
    if answer.body and schema is not None:
        value = answer.body.decode() if schema.get("type") == "string" else answer.json()
        specification.check(value, schema, what)
    assert schema is not None or not answer.body, f"{what} should have no body"
