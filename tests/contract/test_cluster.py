"""PullSecretApi: the same cases against the fake and a real API server with the shipped rights."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol

import msgspec
import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import PartialObject
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi, read_account, read_secret
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Deleted, Kind, Source, Synced, WatchEvent
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.ports import Refused
from harbor_operator.ports.pull_secrets import PullSecretApi
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.process import scaled
from tests.fakes.cluster import FakeCluster

NAME = "harbor-pull"
OURS = PullSecret(NAME, "uid-contract", "intra/cr", SecretStr('{"auths":{}}'))


class ClusterDriver(Protocol):
    """Another client of the same cluster."""

    async def add_namespace(self, name: str) -> None: ...
    async def delete_namespace(self, name: str) -> None: ...
    async def put_account(self, namespace: str, references: tuple[str, ...]) -> ObservedServiceAccount: ...
    async def put_secret(self, namespace: str, *, immutable: bool = False) -> ObservedSecret: ...
    async def secret(self, namespace: str) -> ObservedSecret | None: ...


class FakeClusterDriver:
    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    async def add_namespace(self, name: str) -> None:
        self._cluster.add_namespace(name)
        self._cluster.put_account(name, "default")

    async def delete_namespace(self, name: str) -> None:
        self._cluster.delete_namespace(name)

    async def put_account(self, namespace: str, references: tuple[str, ...]) -> ObservedServiceAccount:
        return self._cluster.put_account(namespace, "default", references)

    async def put_secret(self, namespace: str, *, immutable: bool = False) -> ObservedSecret:
        return self._cluster.put_secret(namespace, NAME, immutable=immutable)

    async def secret(self, namespace: str) -> ObservedSecret | None:
        return self._cluster.secrets.get((namespace, NAME))


class RealClusterDriver:
    def __init__(self, http: KubernetesClient) -> None:
        self._http = http

    async def add_namespace(self, name: str) -> None:
        await self._create("/api/v1/namespaces", {"metadata": {"name": name}})
        accounts = ApiRequest("watch", ResourceRef("v1", "serviceaccounts", name, "default"))
        async with asyncio.timeout(scaled(20)), self._http.watch(accounts) as lines:
            assert not isinstance(lines, ApiError)
            await anext(aiter(lines))  # the controller manager has created the account

    async def delete_namespace(self, name: str) -> None:
        await self._http.request("DELETE", f"/api/v1/namespaces/{name}")

    async def put_account(self, namespace: str, references: tuple[str, ...]) -> ObservedServiceAccount:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        patch = {"imagePullSecrets": [{"name": reference} for reference in references]}
        answer = await self._http.request("PATCH", path, body=RequestBody.merge_patch(patch))
        assert isinstance(answer, dict)
        return read_account(msgspec.convert(answer, PartialObject))

    async def put_secret(self, namespace: str, *, immutable: bool = False) -> ObservedSecret:
        typed = {"type": "Opaque"} if immutable else {"type": "kubernetes.io/dockerconfigjson"}
        manifest = {**typed, "metadata": {"name": NAME}, "data": {".dockerconfigjson": encode("{}")}}
        return read_secret(
            msgspec.convert(await self._create(f"/api/v1/namespaces/{namespace}/secrets", manifest), PartialObject)
        )

    async def secret(self, namespace: str) -> ObservedSecret | None:
        answer = await self._http.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{NAME}")
        return None if isinstance(answer, ApiError) else read_secret(msgspec.convert(answer, PartialObject))

    async def _create(self, path: str, manifest: dict[str, Any]) -> dict[str, Any]:
        answer = await self._http.request("POST", path, body=RequestBody.plain(manifest))
        assert isinstance(answer, dict), answer
        return answer


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[tuple[PullSecretApi, ClusterDriver]]:
    if request.param == "fake":
        fake = FakeCluster()
        yield fake, FakeClusterDriver(fake)
        return
    plane: ControlPlane = request.getfixturevalue("plane")
    operator = from_kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
    async with KubernetesClient(operator) as ours, KubernetesClient(from_kubeconfig(plane.kubeconfig)) as theirs:
        yield KubernetesPullSecretApi(ours, WatchOptions(lambda: 0.5)), RealClusterDriver(theirs)


@pytest.fixture
def cluster(both: tuple[PullSecretApi, ClusterDriver]) -> PullSecretApi:
    return both[0]


@pytest.fixture
def driver(both: tuple[PullSecretApi, ClusterDriver]) -> ClusterDriver:
    return both[1]


@pytest.fixture
async def namespace(request: pytest.FixtureRequest, driver: ClusterDriver) -> str:
    words = re.findall(r"[a-z]+", request.node.name.removeprefix("test_"))
    name = "-".join(words)[:63].strip("-")
    await driver.add_namespace(name)
    return name


async def follow(events: AsyncIterator[WatchEvent], wanted: type[Any], namespace: str) -> Any:
    async with asyncio.timeout(scaled(60)):  # the controllers of a busy server need time to empty a namespace
        async for event in events:
            if isinstance(event, wanted) and getattr(event, "namespace", namespace) == namespace:
                return event
    raise AssertionError("the watch has ended")


async def test_watch_of_secrets(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    applied = await cluster.apply_pull_secret(namespace, OURS)
    assert applied is not None
    async with aclosing(cluster.watch(Source(Kind.SECRETS, NAME))) as events:
        assert await follow(events, ObservedSecret, namespace) == applied
        complete = await follow(events, Synced, namespace)
        assert (namespace, NAME) in complete.keys
        assert complete.revision >= applied.revision
        changed = await cluster.apply_pull_secret(
            namespace,
            PullSecret(NAME, "uid-contract", "intra/cr", SecretStr('{"auths":{"a":{}}}'), replaces=applied.uid),
        )
        assert changed is not None
        assert changed.revision > applied.revision
        assert await follow(events, ObservedSecret, namespace) == changed
        await cluster.remove_pull_secret(namespace, NAME, applied.uid)
        gone = await follow(events, Deleted, namespace)
        assert (gone.namespace, gone.name) == (namespace, NAME)
        assert gone.revision > changed.revision


async def test_watch_of_accounts(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    async with aclosing(cluster.watch(Source(Kind.ACCOUNTS, "default"))) as events:
        assert (await follow(events, ObservedServiceAccount, namespace)).references == ()
        await follow(events, Synced, namespace)
        theirs = await driver.put_account(namespace, ("theirs",))
        assert await follow(events, ObservedServiceAccount, namespace) == theirs


async def test_watch_of_namespaces(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    async with aclosing(cluster.watch(Source(Kind.NAMESPACES))) as events:
        observed = await follow(events, ObservedNamespace, namespace)
        assert not observed.terminating
        assert (namespace, namespace) in (await follow(events, Synced, namespace)).keys
        await driver.delete_namespace(namespace)
        assert (await follow(events, Deleted, namespace)).revision > observed.revision


async def test_first_apply_and_its_repetition(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    applied = await cluster.apply_pull_secret(namespace, OURS)
    assert applied is not None
    assert (applied.namespace, applied.name, applied.owner) == (namespace, NAME, "uid-contract")
    assert applied.digest == digest_of(encode(OURS.docker_config.get_secret_value()))
    assert (applied.labelled, applied.adopted, applied.immutable, applied.terminating) == (True, False, False, False)
    assert await cluster.apply_pull_secret(namespace, OURS) == applied
    assert await driver.secret(namespace) == applied


async def test_first_apply_takes_over_nothing(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    theirs = await driver.put_secret(namespace)
    assert theirs.owner == ""
    assert await cluster.apply_pull_secret(namespace, OURS) is None
    assert await driver.secret(namespace) == theirs


async def test_adoption_keeps_the_object(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    theirs = await driver.put_secret(namespace)
    adopting = PullSecret(NAME, "uid-contract", "intra/cr", OURS.docker_config, adopted=True, replaces=theirs.uid)
    adopted = await cluster.apply_pull_secret(namespace, adopting)
    assert adopted is not None
    assert (adopted.uid, adopted.owner, adopted.adopted) == (theirs.uid, "uid-contract", True)
    assert adopted.digest == digest_of(encode(OURS.docker_config.get_secret_value()))


@pytest.mark.parametrize("immutable", [False, True], ids=["alike", "of-another-type"])
async def test_apply_in_place_of_a_deleted_secret(
    cluster: PullSecretApi, driver: ClusterDriver, namespace: str, immutable: bool
) -> None:
    stale = PullSecret(
        NAME, "uid-contract", "intra/cr", OURS.docker_config, replaces="00000000-0000-0000-0000-000000000000"
    )
    assert await cluster.apply_pull_secret(namespace, stale) is None
    assert await driver.secret(namespace) is None
    theirs = await driver.put_secret(namespace, immutable=immutable)
    assert await cluster.apply_pull_secret(namespace, stale) is None
    assert await driver.secret(namespace) == theirs


async def test_other_type_cannot_be_changed(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    theirs = await driver.put_secret(namespace, immutable=True)
    assert theirs.immutable
    with pytest.raises(Refused, match=NAME) as caught:
        await cluster.apply_pull_secret(
            namespace,
            PullSecret(NAME, "uid-contract", "intra/cr", OURS.docker_config, adopted=True, replaces=theirs.uid),
        )
    assert caught.value.reason is Reason.NAMESPACES_FAILED
    assert encode(OURS.docker_config.get_secret_value()) not in str(caught.value)
    assert await cluster.remove_pull_secret(namespace, NAME, theirs.uid) is None
    assert await cluster.apply_pull_secret(namespace, OURS) is not None


async def test_missing_namespace(cluster: PullSecretApi, driver: ClusterDriver) -> None:
    assert await cluster.apply_pull_secret("nowhere", OURS) is None
    assert await cluster.remove_pull_secret("nowhere", NAME, "00000000-0000-0000-0000-000000000000") is None
    assert await cluster.patch_account(ObservedServiceAccount("nowhere", "default", 1, (NAME,), (NAME,))) is None


async def test_removal_needs_the_right_uid(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    theirs = await driver.put_secret(namespace)
    assert await cluster.remove_pull_secret(namespace, NAME, "00000000-0000-0000-0000-000000000000") is None
    assert await driver.secret(namespace) == theirs
    assert await cluster.remove_pull_secret(namespace, NAME, theirs.uid) is None
    assert await driver.secret(namespace) is None
    assert await cluster.remove_pull_secret(namespace, NAME, theirs.uid) is None


async def test_patch_needs_the_known_revision(cluster: PullSecretApi, driver: ClusterDriver, namespace: str) -> None:
    theirs = await driver.put_account(namespace, ("theirs", "more"))
    assert theirs.attached == ()
    wanted = replace(theirs, references=("theirs", "more", NAME), attached=(NAME,))
    patched = await cluster.patch_account(wanted)
    assert patched is not None
    assert replace(patched, revision=theirs.revision) == wanted
    assert patched.revision > theirs.revision
    assert await cluster.patch_account(wanted) is None
    # A client that writes the list does not change our annotation, so we still know what we attached.
    rewritten = await driver.put_account(namespace, ("theirs",))
    assert rewritten.attached == (NAME,)
    emptied = await cluster.patch_account(replace(rewritten, references=(), attached=()))
    assert emptied is not None
    assert (emptied.references, emptied.attached) == ((), ())


@pytest.mark.lab
async def test_rights_are_missing_for_every_other_name(plane: ControlPlane) -> None:
    operator = from_kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
    async with KubernetesClient(operator) as http:
        cluster = KubernetesPullSecretApi(http, WatchOptions(lambda: 0.5))
        with pytest.raises(Refused, match="'other'") as caught:
            await cluster.apply_pull_secret(
                "default", PullSecret("other", "uid-contract", "intra/cr", OURS.docker_config)
            )
        assert caught.value.reason is Reason.RIGHTS_MISSING
        for source in (Source(Kind.SECRETS, "other"), Source(Kind.SECRETS), Source(Kind.ACCOUNTS)):
            with pytest.raises(Refused, match=r"`list`"):
                await anext(aiter(cluster.watch(source)))


@pytest.mark.lab
async def test_terminating_namespace_is_treated_as_gone(plane: ControlPlane) -> None:
    operator = from_kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "leaving"}})
    held = {"name": "held", "namespace": "leaving", "finalizers": ["example.com/held"]}
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
    plane.kubectl("delete", "namespace", "leaving", "--wait=false")
    async with KubernetesClient(operator) as http:
        cluster = KubernetesPullSecretApi(http, WatchOptions(lambda: 0.5))
        assert await cluster.apply_pull_secret("leaving", OURS) is None
        async with aclosing(cluster.watch(Source(Kind.NAMESPACES))) as events:
            assert (await follow(events, ObservedNamespace, "leaving")).terminating
    plane.kubectl("patch", "configmap", "held", "-n", "leaving", "--type=merge", '-p={"metadata":{"finalizers":null}}')
