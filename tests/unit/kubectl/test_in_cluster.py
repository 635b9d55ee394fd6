"""The Job of `doctor --in-cluster`, and the answer of its pod; tests/e2e runs it on a real node."""

from __future__ import annotations

import argparse
import json
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from harbor_operator.kubectl.areas import Area
from harbor_operator.kubectl.cluster import Cluster, Event, Manifest
from harbor_operator.kubectl.errors import CommandError, RequestError
from harbor_operator.kubectl.in_cluster import check_in_cluster, job_of, read_answer
from tests.guards.sources import ROOT

FINDING = {"level": "error", "code": "CacheUnreachable", "where": "spec.cache", "text": "no answer", "remedy": "Try."}


ANSWER = json.dumps({"registry": "intra/cr", "ok": False, "findings": [FINDING]})
NAME = "harbor-doctor-20260102030405000000"


class ClusterWithPod:
    """A cluster whose Job has a pod that printed these lines; it deletes no Job."""

    namespace = "intra"

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    def get(self, path: str, **query: str) -> Manifest:
        if path.endswith("/deployments"):
            return {"items": [deployment()]}
        pod = {"metadata": {"name": "pod-1"}, "status": {"phase": "Succeeded"}}
        return {"metadata": {"resourceVersion": "1"}, "items": [pod]}

    def create(self, path: str, manifest: Manifest) -> Manifest:
        return {**manifest, "metadata": {**manifest["metadata"], "uid": "uid-1"}}

    def watch(self, path: str, version: str, seconds: float, **query: str) -> Generator[Event, None, None]:
        yield from ()

    def lines(self, path: str, seconds: float, **query: str) -> Iterator[str]:
        return iter(self._lines)

    def delete(self, path: str, **query: str) -> None:
        raise RequestError(403, "no right to delete jobs")


def check_without_deletion(directory: Path, *lines: str) -> tuple[str, list[dict[str, Any]]]:
    file = directory / "registry.yaml"
    file.write_text("kind: HarborRegistry")
    options = argparse.Namespace(
        filename=str(file),
        operator_namespace="harbor-operator",
        only=[],
        timeout=20.0,
        service_account="",
        clock=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    key, findings = check_in_cluster(cast("Cluster", ClusterWithPod(*lines)), options)
    return key, [finding._asdict() for finding in findings]


def deployment() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "base" / "deployment.yaml").read_text())
    return found


def job(**options: Any) -> dict[str, Any]:
    chosen = {"only": [Area.CACHE, Area.STORAGE], "timeout": 20.0, "service_account": "", **options}
    return job_of(deployment(), "harbor-doctor-1", "intra", argparse.Namespace(**chosen))


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


def test_the_disruption_budget_of_the_operator_leaves_the_pod_out() -> None:
    """The Job controller gives the pod its label; with such a pod, the budget would refuse every eviction."""
    budget = yaml.safe_load((ROOT / "deploy" / "base" / "disruption.yaml").read_text())["spec"]["selector"]
    assert budget["matchLabels"] == job()["spec"]["template"]["metadata"]["labels"]
    assert budget["matchExpressions"] == [{"key": "batch.kubernetes.io/job-name", "operator": "DoesNotExist"}]


def test_findings_are_shown_although_the_job_is_not_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_without_deletion(tmp_path, ANSWER) == ("intra/cr", [FINDING])
    said = capsys.readouterr().err
    assert said.startswith(f"Job 'harbor-operator/{NAME}' was not deleted: no right to delete jobs.")
    assert f"`kubectl delete job {NAME} -n harbor-operator`" in said


def test_an_error_is_shown_although_the_job_is_not_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="the pod ended without an answer: KeyError"):
        check_without_deletion(tmp_path, "KeyError: 'a'")
    assert "was not deleted" in capsys.readouterr().err


def test_the_findings_are_the_last_line() -> None:
    key, (found,) = read_answer(iter(['{"running": ["spec.cache"]}', "a warning of a library", ANSWER]))
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
