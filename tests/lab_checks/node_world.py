"""Objects for a real node, and ways to ask what runs there."""

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
    """An object of any kind; without a namespace it is one of the whole cluster."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def make_pod(name: str, args: list[str], *, image: str = PYTHON_IMAGE, namespace: str = "default") -> dict[str, Any]:
    """A pod of one container, which is gone at once when it is deleted."""
    spec = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "only", "image": image, "args": args}]}
    pod = make_object("v1", "Pod", name, namespace=namespace, spec=spec)
    pod["metadata"]["labels"] = {"app": name}
    return pod


def ask(lab: Lab, url: str, body: bytes | None = None) -> tuple[int, str]:
    """Status and text; an OSError when the server is not whom the lab's authority knows."""
    tls = ssl.create_default_context(cafile=str(lab.authority.ca_path))
    try:
        with urllib.request.urlopen(url, body, timeout=10, context=tls) as answer:  # noqa: S310 - always https
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except urllib.error.URLError as error:
        if isinstance(error.reason, OSError):
            raise error.reason from None
        raise


def wait_says(lab: Lab, program: str, answer: str) -> None:
    """Returns once a program in the client's pod prints the answer: a pod may run before its server listens."""

    def says() -> bool:
        try:
            return answer in _python(lab, program)
        except LabError:
            return False

    wait_until(says, f"a pod hears '{answer}'", deadline=30, interval=0.3)


def _python(lab: Lab, code: str) -> str:
    return lab.control_plane.kubectl("exec", "client", "--", "/usr/bin/python3", "-c", code)
