"""What a request to the API server asks for, and what its answers mean: pure, so that every code has a test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

Manifest = dict[str, Any]
Params = Mapping[str, str]

TIMEOUT = 10.0
_MERGE_PATCH = "application/merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_METHODS = {verb: method for method, verb in _VERBS.items()}
_HINT = "apply the shipped roles (deploy/) again, or ask who took the right away"
_POD_HINT = (
    "`spec.pullSecrets.stuckPods: Evict` needs more than the default roles: "
    "`kubectl apply -k deploy/components/evict-stuck-pods`"
)
# Only these texts of the server are known to hold no part of a Secret that was sent.
_HARMLESS = re.compile(r"is forbidden: (User|exceeded quota)")


@dataclass(frozen=True, slots=True)
class RequestBody:
    """What is sent, and how the server shall take it."""

    content: bytes
    content_type: str = "application/json"

    @classmethod
    def plain(cls, manifest: Manifest) -> RequestBody:
        """Returns a whole object, to create or to replace, or the options of a deletion."""
        return cls(msgspec.json.encode(manifest))

    @classmethod
    def merge_patch(cls, manifest: Manifest) -> RequestBody:
        """Returns the fields to change; a `metadata.resourceVersion` in it makes it a locked write."""
        return cls(msgspec.json.encode(manifest), _MERGE_PATCH)

    @classmethod
    def apply(cls, manifest: Manifest) -> RequestBody:
        """Returns a server-side apply of the fields we own; needs the parameters of `apply_params`."""
        return cls(msgspec.json.encode(manifest), _APPLY_PATCH)


def apply_params(field_manager: str, *, force: bool = True) -> dict[str, str]:
    """Returns the query of a server-side apply."""
    return {"fieldManager": field_manager, "force": "true" if force else "false"}


@dataclass(frozen=True, slots=True)
class ApiError:
    """An expected no of the API server; its subclass says which one."""

    code: int
    message: str
    fields: tuple[str, ...] = ()


class NotFound(ApiError):
    """There is no such object, or its namespace is absent or being deleted."""


class Conflict(ApiError):
    """The object has moved on since it was read, or exists already."""


class Expired(ApiError):
    """The resourceVersion or the continue token is too old: list again from the start."""


class Invalid(ApiError):
    """The object breaks a rule of the server, for example an immutable field."""


class DisruptionBudgetExceeded(ApiError):
    """A PodDisruptionBudget does not allow the eviction now."""


_EXPECTED: Mapping[int, type[ApiError]] = {404: NotFound, 409: Conflict, 410: Expired, 422: Invalid}


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """What a request is about, in the words of RBAC."""

    verb: str
    resource: str
    name: str = ""
    namespace: str = ""

    @property
    def words(self) -> str:
        """The request as a message names it."""
        name = f" '{self.name}'" if self.name else ""
        place = f" in namespace '{self.namespace}'" if self.namespace else ""
        return f"`{self.verb}` {self.resource}{name}{place}"

    @property
    def method(self) -> str:
        """The method of HTTP that asks for it."""
        return _METHODS.get(self.verb, "GET")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request: what it is about, path and query, what is sent, and in which form the answer is wanted."""

    target: ResourceRef
    location: str
    body: RequestBody | None = None
    accept: str = "application/json"
    deadline: float = TIMEOUT


def build_url(path: str, params: Params | None) -> str:
    """Returns the path with its query."""
    return f"{path}?{urlencode(params)}" if params else path


def parse_resource(method: str, path: str, params: Params) -> ResourceRef:
    """Returns what a request is about, as the server's authorizer reads it."""
    parts = [part for part in path.split("/") if part]
    rest = parts[3:] if parts[:1] == ["apis"] else parts[2:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":  # noqa: PLR2004 - namespaces/<name>/<resource>
        namespace, rest = rest[1], rest[2:]
    resource, name = (rest[0] if rest else path), (rest[1] if len(rest) > 1 else "")
    if len(rest) > 2:  # noqa: PLR2004 - <resource>/<name>/<subresource>
        resource = f"{resource}/{rest[2]}"
    verb = _VERBS.get(method) or ("get" if name else "watch" if params.get("watch") else "list")
    return ResourceRef(verb, resource, name or _selected_name(params), namespace)


def _selected_name(params: Params) -> str:
    selector = params.get("fieldSelector", "")
    return selector.removeprefix("metadata.name=") if selector.startswith("metadata.name=") else ""


def classify_error(code: int, status: Manifest, target: ResourceRef, retry_after: str | None = None) -> ApiError:
    """Returns the expected no behind an error answer; raises Unavailable or Refused for every other one."""
    message = _message(status, target)
    if expected := _expected(code, status, target, message):
        return expected
    match code:
        case 401:
            raise Unavailable(
                f"the API server does not accept the operator's credential for {target.words}: is it expired?"
            )
        case 403:
            hint = _POD_HINT if target.resource in {"pods", "pods/eviction"} else _HINT
            raise Refused(
                Reason.RIGHTS_MISSING, f"the API server does not allow {target.words}: {hint}. {message}".strip()
            )
        case 429 | 408:
            raise Unavailable(f"the API server asks to slow down on {target.words}", retry_after=_seconds(retry_after))
        case _ if code >= 500:  # noqa: PLR2004 - the class of server errors
            raise Unavailable(f"the API server failed with {code} on {target.words}", retry_after=_seconds(retry_after))
    raise Refused(Reason.INTERNAL_ERROR, f"the API server answered {code} to {target.words}. {message}".strip())


def _expected(code: int, status: Manifest, target: ResourceRef, message: str) -> ApiError | None:
    if kind := _EXPECTED.get(code):
        return kind(code, message, _fields(status))
    causes = _causes(status) if code in {403, 429} else set()
    if "NamespaceTerminating" in causes:
        return NotFound(code, f"namespace '{target.namespace}' is being deleted")
    return DisruptionBudgetExceeded(code, message) if "DisruptionBudget" in causes else None


def _causes(status: Manifest) -> set[str]:
    causes = (status.get("details") or {}).get("causes") or []
    return {str(cause.get("reason")) for cause in causes}


def _message(status: Manifest, target: ResourceRef) -> str:
    message = str(status.get("message", ""))[:500]
    writes_secret = target.resource == "secrets" and target.verb in {"create", "update", "patch"}
    if not writes_secret or _HARMLESS.search(message):
        return message
    # The server may quote the value it did not like: a Secret's goes into no log, so only the field is named.
    return " ".join([str(status.get("reason", "")), *(f"`{field}`" for field in _fields(status))]).strip()


def _fields(status: Manifest) -> tuple[str, ...]:
    causes = (status.get("details") or {}).get("causes") or []
    return tuple(str(cause["field"]) for cause in causes if cause.get("field"))


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
