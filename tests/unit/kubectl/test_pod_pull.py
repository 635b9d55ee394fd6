"""Why a container waits: the containers that wait, the node's messages, and the Secrets of the pod."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from harbor_operator.checks.catalogue.search import problems
from harbor_operator.kubectl.pod_pull import NODE_PROBLEMS, PodPull, Wait, check_node, check_secrets, waits_of

IMAGE = "cr.example.com/team-a/app:1"
WAIT = Wait("app", IMAGE, "ImagePullBackOff", "")


def pod(*references: str, **status: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "app", "image": IMAGE}], "initContainers": [{"name": "init", "image": "init:1"}]}
    return {"spec": {**spec, "imagePullSecrets": [{"name": name} for name in references]}, "status": status}


def account(*references: str) -> dict[str, Any]:
    return {"imagePullSecrets": [{"name": name} for name in references]}


def secret(name: str, key: str = "cr.example.com") -> dict[str, Any]:
    content = json.dumps({"auths": {key: {"username": "u", "password": "p"}}}).encode()
    data = {".dockerconfigjson": base64.b64encode(content).decode()}
    return {"metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson", "data": data}


def problem_of(pull: PodPull) -> str:
    steps, _, _ = check_secrets(WAIT, pull)
    return next((step.problem for step in reversed(steps) if step.problem), "")


def test_only_containers_that_wait_for_an_image_count() -> None:
    waiting = {"name": "init", "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}}
    creating = {"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}
    running = {"name": "app", "state": {"running": {}}}
    assert waits_of(pod(initContainerStatuses=[waiting], containerStatuses=[creating])) == [
        Wait("init", "init:1", "ErrImagePull", "m")
    ]
    assert waits_of(pod(containerStatuses=[running])) == []
    assert waits_of(pod()) == []


def test_the_message_of_the_node_or_of_an_event_decides() -> None:
    untrusted = "x509: certificate signed by unknown authority"
    step = check_node(with_message(untrusted), PodPull(pod()))
    assert step is not None
    assert step.problem == "CertificateUntrusted"
    event = f'Failed to pull image "{IMAGE}": dial tcp: lookup cr.example.com: no such host'
    step = check_node(WAIT, PodPull(pod(), messages=[event]))
    assert step is not None
    assert step.problem == "RegistryNameUnresolved"


def with_message(message: str) -> Wait:
    return Wait(WAIT.container, WAIT.image, WAIT.state, message)


def test_an_old_event_does_not_decide_if_the_state_has_a_cause() -> None:
    old = f'Failed to pull image "{IMAGE}": no such host'
    assert (
        check_node(with_message(f'Back-off pulling image "{IMAGE}": ErrImagePull: 401'), PodPull(pod(), messages=[old]))
        is None
    )
    newest = f'Failed to pull image "{IMAGE}": 401 Unauthorized'
    back_off = with_message(f'Back-off pulling image "{IMAGE}"')
    assert check_node(back_off, PodPull(pod(), messages=[old, newest])) is None
    assert check_node(back_off, PodPull(pod(), messages=[newest, old])) is not None


def test_a_message_about_the_login_or_another_image_does_not_decide() -> None:
    assert check_node(with_message("401 Unauthorized: no basic auth credentials"), PodPull(pod())) is None
    assert check_node(WAIT, PodPull(pod(), messages=['Failed to pull "b": no such host'])) is None


def test_a_secret_that_fits_gives_its_credential() -> None:
    pull = PodPull(pod("harbor-pull"), account("harbor-pull"), {"harbor-pull": secret("harbor-pull")})
    steps, image, credentials = check_secrets(WAIT, pull)
    assert [step.problem for step in steps] == [""]
    assert image is not None
    assert [credential.secret for credential in credentials] == ["harbor-pull"]


@pytest.mark.parametrize(
    ("pull", "problem"),
    [
        (PodPull(pod(), account()), "PullWithoutCredential"),
        (PodPull(pod(), None), "PullWithoutCredential"),
        (PodPull(pod(), account("harbor-pull")), "PodBeforeSecret"),
        (PodPull(pod("gone"), account(), {"gone": None}), "PullWithoutCredential"),
        (PodPull(pod("other"), account(), {"other": secret("other", "cr.example.com:5000")}), "PullWithoutCredential"),
        (PodPull(pod("own"), account("harbor-pull"), {"own": secret("own", "quay.io")}), "PullWithoutCredential"),
    ],
)
def test_what_is_missing(pull: PodPull, problem: str) -> None:
    assert problem_of(pull) == problem


def test_an_invalid_name_ends_the_search() -> None:
    wait = Wait("app", "https://cr.example.com/app", "InvalidImageName", "")
    steps, image, credentials = check_secrets(wait, PodPull(pod()))
    assert ([step.problem for step in steps], image, credentials) == (["ImageNameInvalid"], None, [])


def test_every_problem_is_explained() -> None:
    own = {"ImageNameInvalid", "PodBeforeSecret", "PullWithoutCredential", "PullWorksNow"}
    assert own | set(map(str, NODE_PROBLEMS)) <= set(problems())
