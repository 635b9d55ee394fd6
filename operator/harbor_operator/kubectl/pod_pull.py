"""Why the containers of a pod wait for their image: from the pod, its service account and its Secrets; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harbor_operator.checks.catalogue.search import recognize
from harbor_operator.kubectl.pull_proof import Step
from harbor_operator.plan.keyring import (
    Credential,
    Image,
    explain_mismatch,
    find_credentials,
    keys_of,
    parse_image,
    read_entries,
)
from harbor_operator.reasons import Reason

Manifest = Mapping[str, Any]

CERTIFICATE_PROBLEMS = frozenset(
    {Reason.CERTIFICATE_UNTRUSTED, Reason.CERTIFICATE_EXPIRED, Reason.CERTIFICATE_HOST_MISMATCH}
)
NODE_PROBLEMS = CERTIFICATE_PROBLEMS | {"PlainHttpRegistry", "RegistryNameUnresolved", "RedirectUnreachable"}
"""Problems between the node and the registry: the node's own message decides, because only it sees them."""

_WAITING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "RegistryUnavailable", "ErrImageNeverPull")
_WITHOUT_CREDENTIAL = "PullWithoutCredential"


@dataclass(frozen=True, slots=True)
class Wait:
    """A container that waits for its image; `message` is the kubelet's."""

    container: str
    image: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class PodPull:
    """What decides about the pulls of a pod; a Secret that does not exist is None. The newest message is the last."""

    pod: Manifest
    account: Manifest | None = None
    secrets: Mapping[str, Manifest | None] = field(default_factory=dict)
    messages: Sequence[str] = ()

    @property
    def references(self) -> list[str]:
        """The names in `imagePullSecrets` of the pod."""
        return references_of(self.pod["spec"])


def references_of(source: Manifest) -> list[str]:
    """Returns the names in `imagePullSecrets` of a pod's spec or of a service account."""
    return [str(entry.get("name", "")) for entry in source.get("imagePullSecrets") or []]


def waits_of(pod: Manifest) -> list[Wait]:
    """Returns the containers that wait for their image."""
    spec, status = pod["spec"], pod.get("status") or {}
    images = {
        container["name"]: container["image"]
        for kind in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(kind) or []
    }
    found = []
    for kind in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for one in status.get(kind) or []:
            waiting = (one.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in _WAITING:
                message = str(waiting.get("message", ""))
                found.append(Wait(one["name"], images[one["name"]], str(waiting["reason"]), message))
    return found


def check_node(wait: Wait, pull: PodPull) -> Step | None:
    """Returns the problem that the node's own message names, if only the node can see it."""
    message = wait.message
    if message in ("", f'Back-off pulling image "{wait.image}"'):
        # Older kubelets do not repeat the cause here: the newest event has it.
        failed = [event for event in pull.messages if wait.image in event and event.startswith("Failed to pull image")]
        message = failed[-1] if failed else ""
    problem = next((problem for problem in recognize(message) if problem in NODE_PROBLEMS), "")
    return Step(f"the node reports: {message}", problem) if problem else None


def check_secrets(wait: Wait, pull: PodPull) -> tuple[list[Step], Image | None, list[Credential]]:
    """Returns the steps up to the credentials that the kubelet tries; the last step has the problem, if any.

    Without a problem, an empty list of credentials means an anonymous pull, which a public project allows.
    """
    image = parse_image(wait.image)
    if image is None:
        text = f"'{wait.image}' is not the name of an image: correct it in the pod"
        return [Step(text, "ImageNameInvalid")], None, []
    steps, entries = [], []
    for name in pull.references:
        step, found = _check_secret(name, pull.secrets.get(name), image)
        steps.append(step)
        entries += found
    credentials = find_credentials(entries, image)
    steps += _check_references(pull)
    return steps, image, credentials


def _check_secret(name: str, secret: Manifest | None, image: Image) -> tuple[Step, list[Credential]]:
    if secret is None:
        return Step(f"Secret '{name}' does not exist in the namespace of the pod", _WITHOUT_CREDENTIAL), []
    entries = read_entries(secret)
    if entries is None:
        text = f"Secret '{name}' of type '{secret.get('type')}' is not a pull Secret that the kubelet can read"
        return Step(text, _WITHOUT_CREDENTIAL), []
    if find_credentials(entries, image):
        return Step(f"Secret '{name}' has an entry for '{image.name}'"), entries
    reasons = "; ".join(f"'{key}': {explain_mismatch(key, image)}" for key in keys_of(entries)) or "it has no entry"
    return Step(f"Secret '{name}' has no entry for '{image.name}': {reasons}", _WITHOUT_CREDENTIAL), entries


def _check_references(pull: PodPull) -> Iterator[Step]:
    """Yields why the pod lacks the references of its service account: the list is copied at the creation of a pod."""
    expected = references_of(pull.account or {})
    missing = [name for name in expected if name not in pull.references]
    if not pull.references and not expected:
        text = "neither the pod nor its service account has `imagePullSecrets`"
        yield Step(text, _WITHOUT_CREDENTIAL)
    elif not pull.references:
        text = f"the pod was created before its service account had {', '.join(map(repr, missing))}"
        yield Step(text, "PodBeforeSecret")
    elif missing:
        text = f"the pod has `imagePullSecrets` of its own, so those of its service account ({', '.join(missing)})"
        yield Step(f"{text} are not added", _WITHOUT_CREDENTIAL)
