"""The Job of `doctor --in-cluster`, and the answer of its pod; tests/e2e runs it on a real node."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest
import yaml

from harbor_operator.kubectl.areas import Area
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.in_cluster import job_of, read_answer
from tests.guards.sources import ROOT

FINDING = {"level": "error", "code": "CacheUnreachable", "where": "spec.cache", "text": "no answer", "remedy": "Try."}


def job(**options: Any) -> dict[str, Any]:
    deployment = yaml.safe_load((ROOT / "deploy" / "base" / "deployment.yaml").read_text())
    chosen = {"only": [Area.CACHE, Area.STORAGE], "timeout": 20.0, "service_account": "", **options}
    return job_of(deployment, "harbor-doctor-1", "intra", argparse.Namespace(**chosen))


def test_the_pod_is_that_of_the_operator_and_checks() -> None:
    template = job()["spec"]["template"]
    assert template["metadata"]["labels"] == {"app.kubernetes.io/name": "harbor-operator"}
    spec = template["spec"]
    assert (spec["restartPolicy"], spec["serviceAccountName"]) == ("Never", "harbor-operator")
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    (container,) = spec["containers"]
    assert container["image"] == "harbor-operator:dev"
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe"} & container.keys()
    assert container["args"] == [
        "doctor",
        "--filename=/etc/harbor-doctor/registry.yaml",
        "--namespace=intra",
        "--timeout=20",
        "--only=cache",
        "--only=storage",
    ]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp", "/etc/harbor-doctor"]  # noqa: S108


def test_the_job_ends_and_is_removed_without_this_computer() -> None:
    spec = job()["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 170, 60)


def test_another_account() -> None:
    assert job(service_account="doctor")["spec"]["template"]["spec"]["serviceAccountName"] == "doctor"


def test_the_findings_are_the_last_line() -> None:
    answer = json.dumps({"registry": "intra/cr", "ok": False, "findings": [FINDING]})
    key, (found,) = read_answer(iter(['{"running": ["spec.cache"]}', "a warning of a library", answer]))
    assert (key, found._asdict()) == ("intra/cr", FINDING)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['{"error": "`spec` is invalid"}'], "in the cluster: `spec` is invalid"),
        (["Traceback", "KeyError: 'a'"], "the pod ended without an answer: KeyError: 'a'"),
        ([], "the pod ended without an answer: it printed nothing"),
    ],
)
def test_a_pod_without_findings(lines: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        read_answer(iter(lines))
