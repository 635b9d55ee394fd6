"""`doctor --in-cluster`: a Job beside the operator, with its image, settings, account, nodes and network.

The Job is a copy of the operator's pods. The spec is in a Secret that belongs to the Job, so both are deleted together:
at the end, after Ctrl-C, or by Kubernetes some time after a computer was lost.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from harbor_operator.kubectl.cluster import Cluster, Event, Manifest
from harbor_operator.kubectl.errors import CommandError, RequestError
from harbor_operator.kubectl.findings import Finding, Level
from harbor_operator.kubectl.output import notice, show_progress

START_SECONDS = 120
"""For the pod: scheduling, and the pull of an image that another node has."""

END_SECONDS = 30
"""Beside the time of the checks: the start of Python, and the removal of what the probe wrote."""

TTL_SECONDS = 60
SPEC_DIRECTORY, SPEC_FILE = "/etc/harbor-doctor", "registry.yaml"
_OPERATOR = "app.kubernetes.io/name=harbor-operator"
_JOB_OF_POD = "batch.kubernetes.io/job-name"
_STUCK = {"CreateContainerConfigError", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"}


def check_in_cluster(cluster: Cluster, options: argparse.Namespace) -> tuple[str, list[Finding]]:
    """Returns the registry ('namespace/name') and its findings as the operator sees them. Raises CommandError."""
    name, namespace = f"harbor-doctor-{options.clock():%Y%m%d%H%M%S%f}", options.operator_namespace
    text, operator = _read(options.filename), _operator(cluster, namespace)
    manifest = job_of(operator, name, cluster.namespace, options)
    job = cluster.create(f"/apis/batch/v1/namespaces/{namespace}/jobs", manifest)
    try:
        cluster.create(f"/api/v1/namespaces/{namespace}/secrets", _secret(job, text))
        pod = _started(cluster, namespace, name, options.clock)
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        return read_answer(cluster.lines(path, options.timeout + END_SECONDS, follow="true"))
    finally:
        show_progress(())
        _delete(cluster, namespace, name)


def _delete(cluster: Cluster, namespace: str, job: str) -> None:
    """Deletes the Job; a failure is printed and hides neither findings nor an error."""
    try:
        cluster.delete(f"/apis/batch/v1/namespaces/{namespace}/jobs/{job}", propagationPolicy="Background")
    except CommandError as error:
        notice(
            f"Job '{namespace}/{job}' was not deleted: {error}. Kubernetes deletes it, its pod and its Secret within "
            f"some minutes; to delete them now, run `kubectl delete job {job} -n {namespace}`"
        )


def _read(filename: str) -> str:
    try:
        return sys.stdin.read() if filename == "-" else Path(filename).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CommandError(f"`-f {filename}` cannot be read: {error}") from None


def _operator(cluster: Cluster, namespace: str) -> Manifest:
    """Returns the Deployment of the operator. Raises CommandError."""
    found = cluster.get(f"/apis/apps/v1/namespaces/{namespace}/deployments", labelSelector=_OPERATOR)["items"]
    if len(found) != 1:
        text = f"namespace '{namespace}' has {len(found)} Deployments of the operator: set `--operator-namespace`"
        raise CommandError(text)
    deployment: Manifest = found[0]
    return deployment


def job_of(deployment: Manifest, name: str, namespace: str, options: argparse.Namespace) -> Manifest:
    """Returns a Job with the pod of the Deployment, whose container checks instead of running the operator.

    `namespace` is that of the registry, if the file names none.
    """
    template = deployment["spec"]["template"]
    spec = {key: value for key, value in template["spec"].items() if key != "topologySpreadConstraints"}
    operator = template["spec"]["containers"][0]
    left_out = {"args", "livenessProbe", "ports", "readinessProbe", "startupProbe"}
    args = ["doctor", f"--filename={SPEC_DIRECTORY}/{SPEC_FILE}", f"--namespace={namespace}"]
    args += [f"--timeout={options.timeout:g}", *(f"--only={area}" for area in options.only)]
    mount = {"name": name, "mountPath": SPEC_DIRECTORY, "readOnly": True}
    container = {
        **{key: value for key, value in operator.items() if key not in left_out},
        "args": args,
        "volumeMounts": [*operator.get("volumeMounts", []), mount],
    }
    spec |= {
        "containers": [container],
        "restartPolicy": "Never",
        "volumes": [*spec.get("volumes", []), {"name": name, "secret": {"secretName": name}}],
        # Its labels are those of the operator, for network policies. Not Ready, it is in no Service of the operator.
        # The disruption budget of the operator leaves out pods of Jobs.
        "readinessGates": [{"conditionType": "harbor-operator.io/never-ready"}],
    }
    if options.service_account:
        spec |= {"serviceAccountName": options.service_account, "serviceAccount": options.service_account}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(START_SECONDS + options.timeout + END_SECONDS),
            "ttlSecondsAfterFinished": TTL_SECONDS,
            "template": {"metadata": {"labels": template["metadata"]["labels"]}, "spec": spec},
        },
    }


def _secret(job: Manifest, text: str) -> Manifest:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": job["metadata"]["name"], "ownerReferences": [owner]},
        "data": {SPEC_FILE: base64.b64encode(text.encode()).decode()},
    }


def _started(cluster: Cluster, namespace: str, job: str, clock: Callable[[], datetime]) -> str:
    """Waits until the pod of the Job runs or has ended, and returns its name. Raises CommandError."""
    path, selector = f"/api/v1/namespaces/{namespace}/pods", f"{_JOB_OF_POD}={job}"
    deadline = clock() + timedelta(seconds=START_SECONDS)
    waits_for = "the pod was not created"
    while (left := (deadline - clock()).total_seconds()) > 0:
        found = cluster.get(path, labelSelector=selector)
        version = found["metadata"]["resourceVersion"]
        with closing(cluster.watch(path, version, left, labelSelector=selector)) as changes:
            for pod in _pods(found["items"], changes):
                if pod["status"].get("phase", "Pending") != "Pending":
                    return str(pod["metadata"]["name"])
                waits_for = _waits_for(pod)
                show_progress([f"in the cluster ({waits_for})"])
                if waits_for.partition(":")[0] in _STUCK:
                    raise CommandError(f"the pod of Job '{namespace}/{job}' cannot start: {waits_for}")
    reason = _events(cluster, namespace, job) or waits_for
    raise CommandError(f"the pod of Job '{namespace}/{job}' did not start within {START_SECONDS} s: {reason}")


def _pods(listed: Sequence[Manifest], changes: Iterator[Event]) -> Iterator[Manifest]:
    yield from listed
    yield from (change.object for change in changes)


def _waits_for(pod: Manifest) -> str:
    """Returns 'Reason: message' of what the pod waits for."""
    status = pod["status"]
    waiting = [one["state"].get("waiting") for one in status.get("containerStatuses") or []]
    unmet = [one for one in status.get("conditions") or [] if one["type"] == "PodScheduled" and one["status"] != "True"]
    found: Manifest = next((one for one in (*waiting, *unmet) if one), {})
    return ": ".join(filter(None, (str(found.get("reason", "Pending")), str(found.get("message", "")))))


def _events(cluster: Cluster, namespace: str, job: str) -> str:
    """Returns the message of the last event of the Job, for example why it cannot create its pod."""
    selector = f"involvedObject.kind=Job,involvedObject.name={job}"
    try:
        found = cluster.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector=selector)["items"]
    except RequestError:
        return ""
    return str(found[-1].get("message", "")) if found else ""


def read_answer(lines: Iterator[str]) -> tuple[str, list[Finding]]:
    """Returns the registry and the findings that the pod prints, and shows its progress. Raises CommandError."""
    last = ""
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            last = line
            continue
        if "running" in content:
            show_progress(content["running"])
        elif "error" in content:
            raise CommandError(f"in the cluster: {content['error']}")
        else:
            findings = [Finding(**{**each, "level": Level(each["level"])}) for each in content["findings"]]
            return content["registry"], findings
    raise CommandError(f"the pod ended without an answer: {last or 'it printed nothing'}")
