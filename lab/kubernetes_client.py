"""The lab's client of the Kubernetes API, and the kubeconfig files that the lab writes.

    client = KubernetesClient(plane.kubeconfig)
    client.read("/api/v1/namespaces/default")            # -> dict, or None if there is no such object
    client.items("/api/v1/namespaces")                   # -> list[dict]
    client.create("/api/v1/namespaces", manifest)        # -> dict
    for event in client.watch("/api/v1/secrets", resource_version): ...

The client reads any kubeconfig that the `kubernetes` package reads. It never retries: callers poll, and a test must see
the first answer.
"""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import load_kube_config
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Manifest = dict[str, Any]

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 10.0


class ApiServerError(OSError):
    """The API server cannot be reached, or answers with an error; the message names the request and the cause."""


class KubernetesClient:
    """Requests to one API server as the user of a kubeconfig; threads may share it."""

    def __init__(self, kubeconfig: Path) -> None:
        self._configuration = Configuration(retries=False)
        load_kube_config(  # type: ignore[no-untyped-call]
            str(kubeconfig), client_configuration=self._configuration, persist_config=False
        )
        self._configuration.proxy = None  # the lab's API server listens on loopback
        self._api = ApiClient(self._configuration)

    @property
    def token(self) -> str:
        """The bearer token of the user."""
        return str(self._configuration.api_key["BearerToken"]).removeprefix("Bearer ")

    def read(self, path: str) -> Manifest | None:
        """Returns the object or list at a path of the API, or None if it does not exist. Raises ApiServerError."""
        answer = self._request("GET", path)
        return None if answer is None else dict(json.loads(answer.data))

    def items(self, path: str) -> list[Manifest]:
        """Returns the objects of the list at a path; an unknown path gives an empty list. Raises ApiServerError."""
        return list((self.read(path) or {}).get("items", []))

    def answers(self, path: str = "/readyz") -> bool:
        """Whether the API server answers a GET of the path with success."""
        try:
            return self._request("GET", path) is not None
        except ApiServerError:
            return False

    def create(self, path: str, manifest: Manifest) -> Manifest:
        """Creates an object in the collection at a path, and returns it. Raises ApiServerError."""
        answer = self._request("POST", path, manifest)
        if answer is None:
            raise ApiServerError(f"'POST {path}': the API server does not serve this path")
        return dict(json.loads(answer.data))

    def merge_patch(self, path: str, patch: Manifest) -> Manifest:
        """Changes the object at a path by an RFC 7386 patch, and returns it. Raises ApiServerError."""
        answer = self._request("PATCH", path, patch)
        if answer is None:
            raise ApiServerError(f"'PATCH {path}': the object does not exist")
        return dict(json.loads(answer.data))

    def watch(self, path: str, resource_version: str) -> Iterator[Manifest]:
        """Yields watch events after a resource version until the server ends the watch. Raises ApiServerError."""
        separator = "&" if "?" in path else "?"
        url = f"{path}{separator}watch=1&resourceVersion={resource_version}"
        with _mapped_errors("GET", url):
            answer = self._send("GET", url, None, (CONNECT_SECONDS, None))
            if answer.status != HTTPStatus.OK:
                raise ApiServerError(f"'GET {url}' is answered {answer.status}")
            for line in answer.response:
                yield json.loads(line)

    def close(self) -> None:
        """Closes all connections."""
        self._api.rest_client.pool_manager.clear()

    def _request(self, method: str, path: str, body: Manifest | None = None) -> Any:
        """Returns the response, or None if it is 404."""
        with _mapped_errors(method, path):
            answer = self._send(method, path, body, REQUEST_SECONDS)
            answer.read()
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise ApiServerError(f"'{method} {path}' is answered {answer.status}: {answer.data!r}")
            return answer

    def _send(self, method: str, path: str, body: Manifest | None, timeout: object) -> Any:
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json", **({"Content-Type": content_type} if body else {})}
        request = self._api.param_serialize(
            method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        return self._api.call_api(*request, _request_timeout=timeout)


@contextmanager
def _mapped_errors(method: str, path: str) -> Iterator[None]:
    """Turns the errors of the package and of its transport into ApiServerError."""
    try:
        yield
    except (ApiException, HTTPError) as error:
        raise ApiServerError(f"'{method} {path}': the API server does not answer: {error}") from error


def write_kubeconfig(path: Path, url: str, ca_path: Path, token: str) -> None:
    """Writes a kubeconfig, readable by its owner only, that reaches `url` with `token`."""
    authority = base64.b64encode(ca_path.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
