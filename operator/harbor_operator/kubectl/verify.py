"""`verify`: proves that pods of a namespace can pull with the Secret that the operator injected there."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from harbor_operator.checks.catalogue.search import problems
from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import wrapped, write, write_json
from harbor_operator.kubectl.pod_pull import references_of
from harbor_operator.kubectl.pull_proof import PullProof, Step
from harbor_operator.kubectl.registries import image_hosts, key_of, status_of, the_registry
from harbor_operator.kubectl.target import target_of
from harbor_operator.plan.keyring import Image, find_credentials, parse_image, read_entries

_WITHOUT_CREDENTIAL = "PullWithoutCredential"


def run(options: argparse.Namespace) -> int:
    """Prints each step; returns 1 if one of them fails."""
    with connect(target_of(options)) as cluster:
        registry = the_registry(cluster, options.registry)
        image = _image(registry, options.image)
        steps = list(_verify(cluster, registry, image, options))
    failed = [step for step in steps if step.problem]
    if options.output == "json":
        listed = [{"ok": not step.problem, "text": step.text, "problem": step.problem} for step in steps]
        write_json({"namespace": options.target, "registry": key_of(registry), "ok": not failed, "steps": listed})
    else:
        write(_lines(options.target, registry, steps))
    return 1 if failed else 0


def _image(registry: Manifest, name: str) -> Image:
    """Returns the image to pull; without a name, the registry without an image."""
    host = image_hosts(registry)[0]
    image = parse_image(name) if name else Image(host, "", "")
    if image is None or image.host != host:
        raise CommandError(f"`--image {name}` is no image of '{host}', the registry of '{key_of(registry)}'")
    return image


def _verify(cluster: Cluster, registry: Manifest, image: Image, options: argparse.Namespace) -> Iterator[Step]:
    injected = status_of(registry).get("pullSecrets") or {}
    name = injected.get("secretName")
    if not name:
        raise CommandError(f"HarborRegistry '{key_of(registry)}' injects no pull Secret: set `spec.pullSecrets`")
    inside = f"/api/v1/namespaces/{options.target}"
    secret = cluster.find(f"{inside}/secrets/{name}")
    if secret is None:
        yield Step(f"namespace '{options.target}' has no Secret '{name}'", _WITHOUT_CREDENTIAL)
        return
    credentials = find_credentials(read_entries(secret) or [], image)
    if not credentials:
        yield Step(f"Secret '{name}' has no entry for '{image.host}'", _WITHOUT_CREDENTIAL)
        return
    yield Step(f"Secret '{name}' has an entry for '{image.host}'")
    for account in injected.get("serviceAccounts") or []:
        yield _check_account(cluster, f"{inside}/serviceaccounts", account, name)
    yield from PullProof(options.ca_file).run(image, credentials[0])


def _check_account(cluster: Cluster, path: str, account: str, secret: str) -> Step:
    if account == "*":
        missing = [item["metadata"]["name"] for item in cluster.get(path)["items"] if secret not in references_of(item)]
        text = f"service accounts without a reference to '{secret}': {', '.join(missing) or 'none'}"
        return Step(text, _WITHOUT_CREDENTIAL if missing else "")
    found = cluster.find(f"{path}/{account}")
    if found is None or secret not in references_of(found):
        return Step(f"service account '{account}' has no reference to '{secret}'", _WITHOUT_CREDENTIAL)
    return Step(f"service account '{account}' has a reference to '{secret}'")


def _lines(namespace: str, registry: Manifest, steps: Sequence[Step]) -> Iterator[str]:
    yield f"{namespace}  {key_of(registry)}"
    for step in steps:
        first, *rest = wrapped(step.text, "    ")
        yield f"  {'✘' if step.problem else '✔'} {first.strip()}"
        yield from rest
        if step.problem:
            yield from wrapped(f"{step.problem}: {problems()[step.problem].remedy}", "    ")
