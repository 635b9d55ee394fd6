"""HarborRegistries in the cluster: by name, all of them, and a wait for a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

from harbor_operator.api.kind import GROUP, PLURAL, VERSION
from harbor_operator.kubectl.cluster import Cluster, Manifest
from harbor_operator.kubectl.errors import CommandError

API = f"/apis/{GROUP}/{VERSION}"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def path_of(namespace: str, name: str = "") -> str:
    """Returns the path of a HarborRegistry, of those of a namespace, or of all (an empty namespace)."""
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{API}{inside}/{PLURAL}" + (f"/{name}" if name else "")


def key_of(registry: Manifest) -> str:
    """Returns 'namespace/name'."""
    return f"{registry['metadata']['namespace']}/{registry['metadata']['name']}"


def image_hosts(registry: Manifest) -> tuple[str, ...]:
    """Returns the hosts (with a port that is not the usual one) in the names of images, the main one first."""
    url = urlsplit(registry["spec"]["externalURL"].lower())
    host = url.netloc.removesuffix(f":{_DEFAULT_PORTS[url.scheme]}")
    extra = (registry["spec"].get("pullSecrets") or {}).get("extraHosts") or []
    return tuple(dict.fromkeys([host, *map(str.lower, extra)]))


def list_registries(cluster: Cluster, name: str, *, everywhere: bool) -> tuple[list[Manifest], str]:
    """Returns the registries (all, or the one of that name), and the version from which to watch.

    Raises CommandError if the named one does not exist.
    """
    found = cluster.get(path_of("" if everywhere else cluster.namespace))
    registries = [item for item in found["items"] if name in ("", item["metadata"]["name"])]
    if name and not registries:
        raise CommandError(f"there is no HarborRegistry '{name}' {_place(cluster, everywhere=everywhere)}")
    return sorted(registries, key=key_of), str(found["metadata"]["resourceVersion"])


def the_registry(cluster: Cluster, name: str) -> Manifest:
    """Returns the registry of that name; without a name, the only one of the namespace. Raises CommandError."""
    registries, _ = list_registries(cluster, name, everywhere=False)
    if len(registries) != 1:
        names = ", ".join(item["metadata"]["name"] for item in registries) or "none"
        raise CommandError(f"name one HarborRegistry of namespace '{cluster.namespace}': there is {names}")
    return registries[0]


def wait_for(
    cluster: Cluster, registry: Manifest, is_reached: Callable[[Manifest], bool], left: Callable[[], float]
) -> Manifest | None:
    """Returns the registry as soon as it is in the desired state, or None when no seconds are left.

    Raises CommandError if it is deleted.
    """
    namespace, name = registry["metadata"]["namespace"], registry["metadata"]["name"]
    while not is_reached(registry):
        if left() <= 0:
            return None
        version = str(registry["metadata"]["resourceVersion"])
        changes = cluster.watch(path_of(namespace), version, left(), fieldSelector=f"metadata.name={name}")
        with closing(changes):
            for change in changes:
                if change.is_deleted:
                    raise CommandError(f"HarborRegistry '{key_of(registry)}' was deleted")
                if is_reached(change.object):
                    return change.object
        registry = cluster.get(path_of(namespace, name))
    return registry


def changing(cluster: Cluster, name: str, *, everywhere: bool) -> Iterator[list[Manifest]]:
    """Yields the registries (all, or the one of that name) now and after each change, without an end."""
    while True:
        registries, version = list_registries(cluster, name, everywhere=everywhere)
        yield registries
        known = {key_of(registry): registry for registry in registries}
        for change in cluster.watch(path_of("" if everywhere else cluster.namespace), version):
            if name not in ("", change.object["metadata"]["name"]):
                continue
            known[key_of(change.object)] = change.object
            if change.is_deleted:
                del known[key_of(change.object)]
            yield sorted(known.values(), key=key_of)


def status_of(registry: Manifest) -> Manifest:
    """Returns the status, or an empty mapping before the first reconciliation."""
    status: Manifest = registry.get("status") or {}
    return status


def condition_of(registry: Manifest, kind: str) -> Manifest:
    """Returns a condition, or an empty mapping if it is absent."""
    found: list[Manifest] = status_of(registry).get("conditions") or []
    return next((condition for condition in found if condition["type"] == kind), {})


def is_ready(registry: Manifest) -> bool:
    """Whether Ready is True for the current generation of the spec."""
    is_current = status_of(registry).get("observedGeneration") == registry["metadata"]["generation"]
    return is_current and condition_of(registry, "Ready").get("status") == "True"


def _place(cluster: Cluster, *, everywhere: bool) -> str:
    return "in the cluster" if everywhere else f"in namespace '{cluster.namespace}': set `-n NAMESPACE`, or `-A`"
