"""The API server as the person's own kubectl reaches it.

`kubectl proxy` listens on a socket in a directory that only this user can enter. So every login that kubectl knows
works here as well (exec plugins with the rules of kuberc, proxies, `tls-server-name`, impersonation), and no credential
enters this process. Its start takes about 0.1 s; the kubeconfig loader of the `kubernetes` package takes about 1 s.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlencode

from harbor_operator.kubectl.errors import CommandError, RequestError

if TYPE_CHECKING:
    import http.client

Manifest = dict[str, Any]
Open = Callable[[float], "http.client.HTTPConnection"]
"""Returns a connection to the API server with a time limit in seconds for each answer."""

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_LINE_BYTES = 8 * 1024 * 1024
WATCH_SECONDS = 240
STOP_SECONDS = 5
_MERGE_PATCH = "application/merge-patch+json"
_SERVING = "Starting to serve"


class Target(NamedTuple):
    """Which cluster, as whom: the flags of kubectl. An empty namespace is that of the context."""

    flags: Sequence[str] = ()
    namespace: str = ""
    timeout_seconds: float = 30.0


class Event(NamedTuple):
    """A change of an object; `is_deleted` comes with its last state."""

    is_deleted: bool
    object: Manifest


class Cluster:
    """Requests to one API server; every answer has a limit of size and time."""

    def __init__(
        self, opened: Open, namespace: str, timeout_seconds: float, headers: Mapping[str, str] | None = None
    ) -> None:
        self.namespace = namespace
        self._open = opened
        self._timeout = timeout_seconds
        self._headers = {"Accept": "application/json, */*", **(headers or {})}

    def get(self, path: str, **query: str) -> Manifest:
        """Returns the object or list at a path of the API. Raises RequestError."""
        return _decoded(self.read(path, **query))

    def read(self, path: str, **query: str) -> bytes:
        """Returns the answer at a path of the API as it is. Raises RequestError."""
        with self._send("GET", path, query) as answer:
            return _body(answer)

    def find(self, path: str, **query: str) -> Manifest | None:
        """Returns the object or list at a path of the API, or None if it does not exist. Raises RequestError."""
        try:
            return self.get(path, **query)
        except RequestError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def merge(self, path: str, patch: Manifest) -> Manifest:
        """Merge-patches an object and returns it. Raises RequestError."""
        with self._send("PATCH", path, {"fieldManager": "kubectl-harbor"}, patch) as answer:
            return _decoded(_body(answer))

    def create(self, path: str, manifest: Manifest) -> Manifest:
        """Creates an object in the collection at a path of the API and returns it. Raises RequestError."""
        with self._send("POST", path, {"fieldManager": "kubectl-harbor"}, manifest) as answer:
            return _decoded(_body(answer))

    def delete(self, path: str, **query: str) -> None:
        """Deletes the object at a path of the API. Raises RequestError."""
        with self._send("DELETE", path, query) as answer:
            _body(answer)

    def review(self, namespace: str, user: str, groups: Sequence[str], attributes: Mapping[str, str]) -> Manifest:
        """Returns the answer whether a user may do something in a namespace; nothing is stored. Raises RequestError."""
        path = f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": namespace},
            "spec": {"user": user, "groups": [*groups], "resourceAttributes": {**attributes}},
        }
        with self._send("POST", path, {}, body) as answer:
            return _decoded(_body(answer))

    def watch(
        self, path: str, resource_version: str, seconds: float = WATCH_SECONDS, **query: str
    ) -> Generator[Event, None, None]:
        """Yields the changes of these seconds, or fewer if the server ends the watch. Raises RequestError."""
        limit = max(1, int(min(seconds, WATCH_SECONDS)))
        asked = {"watch": "1", "resourceVersion": resource_version, "timeoutSeconds": str(limit), **query}
        with self._send("GET", path, asked, seconds=limit + self._timeout) as answer:
            while line := answer.readline(MAX_LINE_BYTES):
                event = _decoded(line)
                if event.get("type") == "ERROR":
                    return  # the version is too old: the caller lists again
                yield Event(event["type"] == "DELETED", event["object"])

    def lines(self, path: str, seconds: float = 0.0, **query: str) -> Iterator[str]:
        """Yields the lines of a text, for example of a log; `seconds` replaces the time limit. Raises RequestError."""
        with self._send("GET", path, query, seconds=seconds) as answer:
            left = MAX_BODY_BYTES
            while left > 0 and (line := answer.readline(min(left, MAX_LINE_BYTES))):
                left -= len(line)
                yield line.decode(errors="replace").rstrip("\r\n")

    @contextmanager
    def _send(
        self, method: str, path: str, query: Mapping[str, str], content: Manifest | None = None, seconds: float = 0.0
    ) -> Iterator[http.client.HTTPResponse]:
        """Yields the answer to a request; the connection is closed after it. Raises RequestError."""
        import http.client  # noqa: PLC0415 - see `connect`

        url = f"{path}?{urlencode(query)}" if query else path
        body = None if content is None else json.dumps(content)
        headers = dict(self._headers)
        if body:
            headers["Content-Type"] = _MERGE_PATCH if method == "PATCH" else "application/json"
        try:
            with closing(self._open(seconds or self._timeout)) as connection:
                connection.request(method, url, body, headers)
                answer = connection.getresponse()
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise RequestError(answer.status, _explain(answer.status, _body(answer), path))
                yield answer
        except TimeoutError:
            text = f"the API server did not answer `{path}` in time: check the cluster, or raise `--request-timeout`"
            raise RequestError(0, text) from None
        except (OSError, http.client.HTTPException) as error:
            text = f"the connection to the API server ended while it served `{path}`: {type(error).__name__}"
            raise RequestError(0, text) from None


@contextmanager
def connect(target: Target) -> Iterator[Cluster]:
    """Yields the cluster while `kubectl proxy` runs. Raises CommandError if kubectl cannot be used."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CommandError("there is no `kubectl` on PATH: install it, because it provides the access to the cluster")
    # mkdtemp gives the directory the mode 0700: the socket is as powerful as the person's own login.
    with tempfile.TemporaryDirectory(prefix="kubectl-harbor-") as directory, ExitStack() as stack:
        path = Path(directory) / "api"
        # `--append-server-path` is for clusters behind a path, such as those of Rancher.
        proxy_argv = [kubectl, "proxy", f"--unix-socket={path}", "--append-server-path", *target.flags]
        view_argv = [kubectl, "config", "view", "--minify", "--output=jsonpath={..namespace}", *target.flags]
        proxy = stack.enter_context(_output_of(proxy_argv))
        view = None if target.namespace else stack.enter_context(_output_of(view_argv))
        # Loaded while kubectl starts: both take about as long.
        import http.client  # noqa: F401, PLC0415

        if _SERVING not in proxy.readline():
            raise CommandError("`kubectl proxy` did not start: check the access with `kubectl auth whoami`")
        namespace = target.namespace or (view.read().strip() if view else "") or "default"
        yield Cluster(partial(_open_socket, path), namespace, target.timeout_seconds)


@contextmanager
def _output_of(argv: Sequence[str]) -> Iterator[IO[str]]:
    """Runs a program until the end of the block, and yields its output."""
    # The standard error is that of this process: an exec plugin prints its instructions there.
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - kubectl with its flags
        try:
            yield cast("IO[str]", process.stdout)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _open_socket(path: Path, seconds: float) -> http.client.HTTPConnection:
    import http.client  # noqa: PLC0415 - see `connect`

    connection = http.client.HTTPConnection("localhost", timeout=seconds)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(seconds)
    connection.sock.connect(str(path))
    return connection


def _body(answer: http.client.HTTPResponse) -> bytes:
    body = answer.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise CommandError(f"an answer of the API server has more than {MAX_BODY_BYTES >> 20} MiB: name one object")
    return body


def _decoded(body: bytes) -> Manifest:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CommandError("the answer is not one of a Kubernetes API server: check the server of the kubeconfig")
    return found


def _explain(status: int, body: bytes, path: str) -> str:
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = body.decode(errors="replace").strip()[:300]
    if status == HTTPStatus.FORBIDDEN:
        return f"{message}. Ask for the rights of this verb, which docs/kubectl-harbor.md lists"
    return message or f"the API server answers {status} to `{path}`"
