"""What is kept of a service account: equal small lists once, and never more than a bounded part of a large one."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, Manifest
from harbor_operator.adapters.kube_client import Answer, Decode, KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.kube_denials import Forbidden
from harbor_operator.adapters.kube_objects import Metadata, PartialObject, Reference
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi, read_account, read_namespace
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import MAX_LABELS_CHARACTERS, MAX_REFERENCES, MAX_REFERENCES_BYTES
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

MAX_GROWTH_BYTES = 1 << 20


def account(*references: str, attached: str = "") -> PartialObject:
    metadata = Metadata("default", "app", "uid", "7", annotations={names.ATTACHED: attached})
    return PartialObject(metadata=metadata, image_pull_secrets=[Reference(name) for name in references])


def test_equal_small_lists_are_kept_once() -> None:
    first, second = (read_account(account("theirs", "harbor-pull")) for _ in range(2))
    assert first.references == ("theirs", "harbor-pull")
    assert first.references is second.references


@pytest.mark.parametrize(
    "references",
    [
        tuple(f"secret-{number}" for number in range(MAX_REFERENCES + 1)),
        ("x" * (MAX_REFERENCES_BYTES + 1),),
    ],
    ids=["entries", "bytes"],
)
def test_of_an_oversized_list_nothing_is_kept(references: tuple[str, ...]) -> None:
    observed = read_account(account(*references, attached="harbor-pull"))
    assert observed.oversized
    assert (observed.references, observed.attached) == ((), ())


def test_an_oversized_annotation_is_not_kept_either() -> None:
    assert read_account(account("theirs", attached="x," * MAX_REFERENCES_BYTES)).oversized


def test_a_list_of_the_maximum_size_is_kept() -> None:
    references = tuple(f"secret-{number}" for number in range(MAX_REFERENCES))
    observed = read_account(account(*references))
    assert (observed.references, observed.oversized) == (references, False)


def test_ever_different_lists_do_not_accumulate() -> None:
    """A user may patch a service account again and again, each time with another list of a megabyte."""

    def patch(turn: int) -> None:
        large = tuple(f"{turn}-{number}-{'x' * 200}" for number in range(MAX_REFERENCES * 4))
        medium = tuple(f"{turn}-{number}-{'x' * 40}" for number in range(MAX_REFERENCES))
        long = (f"{turn}-{'x' * MAX_REFERENCES_BYTES}"[:MAX_REFERENCES_BYTES],)
        for references in (large, medium, long):
            read_account(account(*references, attached=",".join(references)))

    patch(-1)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for turn in range(300):
            patch(turn)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < MAX_GROWTH_BYTES


def test_labels_are_kept_up_to_a_limit() -> None:
    """Finding S3: the API server limits the length of a label and not their number."""
    few = read_namespace(PartialObject(metadata=Metadata("app", resource_version="7", labels={"team": "a"})))
    assert (few.labels, few.oversized) == ({"team": "a"}, False)
    many = {f"key-{number}": "x" * 63 for number in range(MAX_LABELS_CHARACTERS // 63)}
    observed = read_namespace(PartialObject(metadata=Metadata("app", resource_version="7", labels=many)))
    assert (observed.labels, observed.oversized) == ({}, True)


class ForbiddingClient(KubernetesClient):
    """Denies every write, and says whether the roles allow it in every namespace."""

    def __init__(self, *, allowed: bool) -> None:
        super().__init__(ClusterConnection("http://127.0.0.1:1"))
        self._allowed = allowed
        self.reviews: list[ApiRequest] = []

    @override
    async def send(self, request: ApiRequest, decode: Decode[Answer]) -> Answer | ApiError:
        raise Forbidden("the API server does not allow the write")

    @override
    async def send_plain(self, request: ApiRequest) -> Manifest | ApiError:
        self.reviews.append(request)
        return {"status": {"allowed": self._allowed}}


@pytest.mark.parametrize(
    ("allowed", "reason"), [(True, Reason.NAMESPACE_WRITE_FORBIDDEN), (False, Reason.RIGHTS_MISSING)]
)
async def test_a_namespace_that_alone_denies_a_write_is_no_missing_right(allowed: bool, reason: Reason) -> None:
    """Finding F4: GKE Autopilot denies every write in its own namespaces."""
    client = ForbiddingClient(allowed=allowed)
    api = KubernetesPullSecretApi(client, WatchOptions(lambda: 0.5))
    with pytest.raises(Refused) as caught:
        await api.apply_pull_secret("gke-managed", PullSecret("harbor-pull", "uid", "intra/cr", SecretStr("{}")))
    assert caught.value.reason is reason
    (review,) = client.reviews
    assert review.ref.resource == "selfsubjectaccessreviews"
    if allowed:
        assert "'gke-managed'" in str(caught.value)
        assert "`spec.pullSecrets.namespaces.exclude`" in str(caught.value)
