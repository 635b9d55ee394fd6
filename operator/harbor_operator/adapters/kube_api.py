"""Requests to the Kubernetes API and what its answers mean: pure, so that every status code has a test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import msgspec

from harbor_operator.adapters.http_headers import retry_after_seconds
from harbor_operator.adapters.kube_denials import Forbidden, denial_of
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

Manifest = dict[str, Any]
Params = Mapping[str, str]

REQUEST_TIMEOUT_SECONDS = 10.0
LIST_TIMEOUT_SECONDS = 30.0
JSON = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MAX_MESSAGE_CHARACTERS = 500
_MERGE_PATCH = "application/merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"
_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}
_COLLECTION_VERBS = frozenset({"list", "watch", "create"})
_WRITING_VERBS = frozenset({"create", "update", "patch"})
_CHANGING_VERBS = _WRITING_VERBS | {"delete"}
_HINT = "apply the shipped roles (deploy/, or the Helm chart) again, or restore the right in the cluster"
_POD_HINT = (
    "`spec.pullSecrets.stuckPods: Evict` needs more than the default roles: "
    "`kubectl apply -k deploy/components/evict-stuck-pods`, or `evictStuckPods.enabled` in the operator's Helm chart"
)
# Only this text of the server is known to hold no part of a Secret that was sent.
_HARMLESS = re.compile(r"is forbidden: User")


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The content of a request and its media type."""

    content: bytes
    content_type: str = JSON

    @classmethod
    def plain(cls, manifest: Manifest) -> RequestBody:
        """Returns a whole object to create or replace, or the options of a deletion."""
        return cls(msgspec.json.encode(manifest))

    @classmethod
    def merge_patch(cls, manifest: Manifest) -> RequestBody:
        """Returns the fields to change; a `metadata.resourceVersion` in it makes the write conditional."""
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
    """An expected error answer of the API server; the subclass says which one."""

    code: int
    message: str
    fields: tuple[str, ...] = ()


class NotFound(ApiError):
    """There is no such object, or its namespace is absent or being deleted."""


class Conflict(ApiError):
    """The object has changed since it was read, or it exists already."""


class Expired(ApiError):
    """The resourceVersion or the continue token is too old: list again from the start."""


class Invalid(ApiError):
    """The object breaks a rule of the server, for example an immutable field."""


class TooLarge(ApiError):
    """The answer exceeds the limit of the client and was not read to its end: ask for less."""


class DisruptionBudgetExceeded(ApiError):
    """A PodDisruptionBudget does not allow the eviction now."""


_EXPECTED: Mapping[int, type[ApiError]] = {404: NotFound, 409: Conflict, 410: Expired, 422: Invalid}


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """A resource type or one object of it, in the terms of an RBAC rule."""

    api_version: str
    """Group and version, as in a manifest: "v1", "apps/v1"."""

    resource: str
    """Plural name; empty for the discovery document of the API group."""

    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def qualified_resource(self) -> str:
        """Resource and subresource as an RBAC rule names them."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def counted_resource(self) -> str:
        """The resource as a metric names it: Prometheus has no series with an empty label."""
        return self.qualified_resource or "discovery"

    def describe(self) -> str:
        """Returns the object as a message names it."""
        name = f" '{self.name}'" if self.name else ""
        namespace = f" in namespace '{self.namespace}'" if self.namespace else ""
        return f"{self.qualified_resource or self.api_version}{name}{namespace}"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request: a verb of RBAC, the object, the query, the body, and the wanted form of the answer.

    For `list` and `watch` the name becomes a field selector, from which the server's authorizer reads the object name.
    """

    verb: str
    ref: ResourceRef
    params: Params | None = None
    body: RequestBody | None = None
    accept: str = JSON
    timeout_seconds: float = REQUEST_TIMEOUT_SECONDS

    @property
    def method(self) -> str:
        """The HTTP method of the verb."""
        return _METHODS[self.verb]

    def describe(self) -> str:
        """Returns the request as a message names it."""
        return f"`{self.verb}` {self.ref.describe()}"


def build_url(request: ApiRequest) -> str:
    """Returns path and query, relative to the server's address."""
    ref, params = request.ref, request.params or {}
    parts = [f"/apis/{ref.api_version}" if "/" in ref.api_version else f"/api/{ref.api_version}"]
    if ref.namespace:
        parts.append(f"namespaces/{ref.namespace}")
    if ref.resource:
        parts.append(ref.resource)
    if ref.name and (ref.subresource or request.verb not in _COLLECTION_VERBS):
        parts.append(ref.name)
    elif ref.name and request.verb != "create":
        params = {**params, "fieldSelector": f"metadata.name={ref.name}"}
    if ref.subresource:
        parts.append(ref.subresource)
    if request.verb == "watch":
        params = {**params, "watch": "1"}
    path = "/".join(parts)
    return f"{path}?{_query(tuple(params.items()))}" if params else path


@lru_cache(maxsize=64)
def _query(params: tuple[tuple[str, str], ...]) -> str:
    # The writes of the injector repeat two queries thousands of times.
    return urlencode(params)


def classify_error(code: int, status: Manifest, request: ApiRequest, retry_after: str | None = None) -> ApiError:
    """Returns the expected error of an answer; raises Unavailable or Refused for every other one."""
    if request.verb in _CHANGING_VERBS and (denied := denial_of(code, status, request.describe(), _sent(request))):
        raise denied
    message = _message(status, request)
    if expected := _expected(code, status, request.ref, message):
        return expected
    what = request.describe()
    match code:
        case 401:
            raise Unavailable(f"the API server does not accept the operator's credential for {what}: is it expired?")
        case 403:
            hint = _POD_HINT if request.ref.resource == "pods" else _HINT
            raise Forbidden(f"the API server does not allow {what}: {hint}. {message}".strip())
        case 429 | 408:
            text = f"the API server asks to slow down on {what}"
            raise Unavailable(text, retry_after=retry_after_seconds(retry_after))
        case _ if code >= 500:  # noqa: PLR2004 - the class of server errors
            text = f"the API server failed with {code} on {what}"
            raise Unavailable(text, retry_after=retry_after_seconds(retry_after))
    raise Refused(Reason.INTERNAL_ERROR, f"the API server answered {code} to {what}. {message}".strip())


def _expected(code: int, status: Manifest, ref: ResourceRef, message: str) -> ApiError | None:
    if kind := _EXPECTED.get(code):
        return kind(code, message, _fields(status))
    causes = {str(cause.get("reason")) for cause in _causes(status)} if code in {403, 429} else set()
    if "NamespaceTerminating" in causes:
        return NotFound(code, f"namespace '{ref.namespace}' is being deleted")
    return DisruptionBudgetExceeded(code, message) if "DisruptionBudget" in causes else None


def _causes(status: Manifest) -> list[Manifest]:
    return list((status.get("details") or {}).get("causes") or [])


def _message(status: Manifest, request: ApiRequest) -> str:
    message = str(status.get("message", ""))[:MAX_MESSAGE_CHARACTERS]
    if request.ref.resource != "secrets" or request.verb not in _WRITING_VERBS or _HARMLESS.search(message):
        return message
    # The server may quote a value that it refused. A Secret's value must not reach a log, so only the field is named.
    return " ".join([str(status.get("reason", "")), *(f"`{name}`" for name in _fields(status))]).strip()


def _fields(status: Manifest) -> tuple[str, ...]:
    return tuple(str(cause["field"]) for cause in _causes(status) if cause.get("field"))


def _sent(request: ApiRequest) -> bytes:
    """Returns the body of a Secret that is written, so that no message quotes it; empty for other requests."""
    return request.body.content if request.ref.resource == "secrets" and request.body else b""
