"""Objects for tests on the real node, and queries of what runs there."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from typing import Any

from lab.lab import Lab
from lab.node.images import PYTHON_IMAGE
from lab.process import LabError, wait_until


def make_object(
    version: str, kind: str, name: str, *, namespace: str | None = "default", **more: Any
) -> dict[str, Any]:
    """Returns an object of any kind; `namespace=None` makes it cluster-scoped."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def make_pod(name: str, args: list[str], *, image: str = PYTHON_IMAGE, namespace: str = "default") -> dict[str, Any]:
    """Returns a pod with one container and no termination grace period."""
    spec = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "only", "image": image, "args": args}]}
    pod = make_object("v1", "Pod", name, namespace=namespace, spec=spec)
    pod["metadata"]["labels"] = {"app": name}
    return pod


def fetch(lab: Lab, url: str, body: bytes | None = None) -> tuple[int, str]:
    """Returns status and body. Raises OSError when the lab's authority did not sign the certificate."""
    tls = ssl.create_default_context(cafile=str(lab.authority.ca_path))
    try:
        with urllib.request.urlopen(url, body, timeout=10, context=tls) as answer:  # noqa: S310 - always https
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, ""
    except urllib.error.URLError as error:
        if isinstance(error.reason, OSError):
            raise error.reason from None
        raise


def wait_for_output(lab: Lab, program: str, text: str) -> None:
    """Waits until a Python program in the client pod prints the text: a pod runs before its server listens."""

    def is_printed() -> bool:
        try:
            return text in _python(lab, program)
        except LabError:
            return False

    wait_until(is_printed, f"the client pod prints '{text}'", deadline=30)


def _python(lab: Lab, code: str) -> str:
    return lab.control_plane.kubectl("exec", "client", "--", "/usr/bin/python3", "-c", code)
