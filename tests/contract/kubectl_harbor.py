"""The command `kubectl harbor` as a service account with exactly the rights of one verb."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

from harbor_operator.kubectl.rights import Right, Scope
from harbor_operator.kubectl.verbs import verb_named
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.process import wait_until

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "operator" / "harbor_operator" / "kubectl" / "schemas"
PEOPLE = "people"
CLUSTER = "kube-system"
"""A ClusterRole is bound for the whole cluster; this name stands for no namespace."""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content


class KubectlHarbor:
    """Runs the verbs, each as a person of its own; `namespaces` are those of each scope, `variables` of the command."""

    def __init__(
        self, plane: ControlPlane, namespaces: Mapping[Scope, str], variables: Mapping[str, str] | None = None
    ) -> None:
        self._plane = plane
        self._namespaces = namespaces
        self._variables = {**environment(), **(variables or {})}
        self.person = cache(self._create_person)
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PEOPLE}})

    def run(self, verb: str, *arguments: str, text: str = "") -> Done:
        """Runs a verb under exactly its rights; its JSON fits the published schema."""
        done = self.execute([verb, *arguments, "--kubeconfig", str(self.person(verb))], text)
        if "json" in arguments and done.code != 2:
            assert done.out, done.err
            jsonschema.validate(done.json, json.loads((SCHEMAS / f"{verb}.json").read_text()))
        return done

    def execute(self, arguments: list[str], text: str = "") -> Done:
        """Runs a command line as it is."""
        return execute(arguments, text, self._variables)

    def _create_person(self, verb: str) -> Path:
        found = verb_named(verb)
        assert found
        self._plane.apply(_manifest("v1", "ServiceAccount", PEOPLE, verb))
        self._plane.apply(*self._rules(verb, found.rights))
        kubeconfig = self._plane.kubeconfig_for_service_account(PEOPLE, verb)
        for right in found.rights:
            wait_until(partial(self._can, right, kubeconfig), f"{verb}: {right}", deadline=20)
        return kubeconfig

    def _rules(self, verb: str, rights: tuple[Right, ...]) -> Iterator[dict[str, Any]]:
        for scope in {right.scope for right in rights}:
            rules = [_rule(right) for right in rights if right.scope is scope]
            kind = "ClusterRole" if scope is Scope.CLUSTER else "Role"
            namespace = "" if scope is Scope.CLUSTER else self._namespaces[scope]
            name = f"{verb}-{scope.name.lower()}"
            subject = {"kind": "ServiceAccount", "namespace": PEOPLE, "name": verb}
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
            api = "rbac.authorization.k8s.io/v1"
            yield _manifest(api, kind, namespace, name, rules=rules)
            yield _manifest(api, f"{kind}Binding", namespace, name, roleRef=reference, subjects=[subject])

    def _can(self, right: Right, kubeconfig: Path) -> bool:
        namespace = "default" if right.scope is Scope.CLUSTER else self._namespaces[right.scope]
        resource, _, sub = right.resource.partition("/")
        target = f"{resource}.{right.group}" if right.group else resource
        options = ["-n", namespace, *([f"--subresource={sub}"] if sub else [])]
        names = [f"{target}/{name}" for name in right.names] or [target]
        command = [str(program("kubectl")), "auth", "can-i", right.verbs[-1], names[0], *options]
        env = {**environment(), "KUBECONFIG": str(kubeconfig)}
        return subprocess.run(command, capture_output=True, check=False, env=env, timeout=60).returncode == 0


def execute(arguments: list[str], text: str = "", variables: Mapping[str, str] | None = None) -> Done:
    """Runs the command in a process of its own."""
    command = [sys.executable, "-m", "harbor_operator.kubectl", *arguments]
    env = variables or environment()
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=env, timeout=120)
    return Done(done.returncode, done.stdout, done.stderr)


def environment() -> dict[str, str]:
    """Returns an environment with kubectl and helm on PATH."""
    programs = (str(program(name).parent) for name in ("kubectl", "helm"))
    path = os.pathsep.join([*programs, os.defpath])
    home = os.environ.get("HOME", "/")
    return {"PATH": path, "PYTHONPATH": str(ROOT / "operator"), "HOME": home, "COLUMNS": "120"}


def _rule(right: Right) -> dict[str, Any]:
    rule = {"apiGroups": [right.group], "resources": [right.resource], "verbs": [*right.verbs]}
    return rule | ({"resourceNames": [*right.names]} if right.names else {})


def _manifest(api: str, kind: str, namespace: str, name: str, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}
