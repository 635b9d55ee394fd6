"""`why`: one cause and one remedy for a pod that cannot pull."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

from harbor_operator.checks.catalogue.search import problems
from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import notice, wrapped, write, write_json
from harbor_operator.kubectl.pod_pull import (
    CERTIFICATE_PROBLEMS,
    PodPull,
    Wait,
    check_node,
    check_secrets,
    references_of,
    waits_of,
)
from harbor_operator.kubectl.pull_proof import PullProof, Step
from harbor_operator.kubectl.target import target_of

PULL_WORKS, IMAGE_NOT_FOUND = "PullWorksNow", "ImageNotFound"
HIDDEN = "containerd 1.6 reports a certificate instead, if hosts.toml has the CA in `[host]` and not beside `server`"


class Finding(NamedTuple):
    """What was tried for one container; the cause is a heading of docs/problems.md."""

    wait: Wait
    steps: list[Step]

    @property
    def cause(self) -> Step:
        """The last problem, or that a pull works now."""
        failed = [step for step in self.steps if step.problem]
        return failed[-1] if failed else Step("a pull works now from this computer", PULL_WORKS)


def run(options: argparse.Namespace) -> int:
    """Prints the finding for each container; returns 1 if one waits for its image."""
    with connect(target_of(options)) as cluster:
        pull = read_pod(cluster, options.pod)
    proof = PullProof(options.ca_file)
    findings = [examine(wait, pull, proof) for wait in waits_of(pull.pod)]
    name = f"{pull.pod['metadata']['namespace']}/{options.pod}"
    if options.output == "json":
        write_json({"pod": name, "findings": [_as_json(finding) for finding in findings]})
    for finding in findings if options.output == "text" else []:
        write(_lines(name, finding))
    if not findings:
        notice(f"no container of pod '{name}' waits for an image")
    return 1 if findings else 0


def read_pod(cluster: Cluster, name: str) -> PodPull:
    """Returns the pod with its service account, its pull Secrets and its events. Raises CommandError."""
    inside = f"/api/v1/namespaces/{cluster.namespace}"
    pod = cluster.find(f"{inside}/pods/{name}")
    if pod is None:
        raise CommandError(f"there is no pod '{name}' in namespace '{cluster.namespace}': set `-n NAMESPACE`")
    selector = f"involvedObject.uid={pod['metadata']['uid']}"
    events = cluster.get(f"{inside}/events", fieldSelector=selector, limit="100")["items"]
    return PodPull(
        pod,
        cluster.find(f"{inside}/serviceaccounts/{pod['spec'].get('serviceAccountName') or 'default'}"),
        {each: cluster.find(f"{inside}/secrets/{each}") for each in references_of(pod["spec"])},
        [str(event.get("message", "")) for event in sorted(events, key=_time_of)],
    )


def _time_of(event: Manifest) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def examine(wait: Wait, pull: PodPull, proof: PullProof) -> Finding:
    """Returns what is wrong for one container: at the node, in the Secrets, else at the registry."""
    node = check_node(wait, pull)
    if node is None:
        return _ask_registry(wait, pull, proof)
    if node.problem not in CERTIFICATE_PROBLEMS:
        return Finding(wait, [node])
    # The answer 404 to a tag that does not exist can reach the node's message as a problem of a certificate.
    asked = _ask_registry(wait, pull, proof)
    if asked.cause.problem == IMAGE_NOT_FOUND:
        return Finding(wait, [*asked.steps[:-1], Step(f"{asked.cause.text}; {HIDDEN}", IMAGE_NOT_FOUND)])
    if asked.cause.problem != PULL_WORKS:
        node = node._replace(text=f"{node.text}; whether the registry has the image is not known: {asked.cause.text}")
    return Finding(wait, [node])


def _ask_registry(wait: Wait, pull: PodPull, proof: PullProof) -> Finding:
    steps, image, credentials = check_secrets(wait, pull)
    if image is None:
        return Finding(wait, steps)
    if not credentials:
        # A public image needs none, so the registry decides whether that is the cause.
        tried = proof.run(image, None)
        return Finding(wait, tried if tried[-1].problem in ("", IMAGE_NOT_FOUND) else [*tried[:-1], *steps])
    works = [step for step in steps if not step.problem]
    for credential in credentials:
        tried = proof.run(image, credential)
        if not tried[-1].problem:
            break
    return Finding(wait, [*works, *tried])


def _lines(name: str, finding: Finding) -> Iterator[str]:
    wait, cause = finding.wait, finding.cause
    yield f"{name}  container {wait.container}  {wait.state}  {wait.image}"
    for step in finding.steps:
        first, *rest = wrapped(step.text, "    ")
        yield f"  {'✘' if step.problem else '✔'} {first.strip()}"
        yield from rest
    yield from wrapped(f"Cause: {cause.problem}: {cause.text}", "  ")
    yield from wrapped(f"Remedy: {problems()[cause.problem].remedy}", "  ")


def _as_json(finding: Finding) -> dict[str, Any]:
    wait, cause = finding.wait, finding.cause
    return {
        "container": wait.container,
        "image": wait.image,
        "state": wait.state,
        "steps": [{"ok": not step.problem, "text": step.text} for step in finding.steps],
        "cause": cause.problem,
        "message": cause.text,
        "remedy": problems()[cause.problem].remedy,
    }
