"""The objects of the chart as the operator would install them, rendered by the person's own helm.

It needs the whole package, so the other modules import it only when they use it. Every Secret is a placeholder: nothing
is read from a cluster.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr, ValidationError

from harbor_operator.api.kind import KIND
from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import DesiredRelease, ReleaseLogin, ReleaseSecrets, UserValues
from harbor_operator.plan.generated_secrets import placeholders
from harbor_operator.plan.release import plan_release, unwrap_secrets

TIMEOUT_SECONDS = 180
STANDARD_INPUT = "-"
_PLACEHOLDER = SecretStr("placeholder-0000")  # 16 characters, as the chart demands of a secretKey
_LOGIN = ReleaseLogin("placeholder", _PLACEHOLDER)


def read_registry(filename: str, namespace: str = "default", cluster: str = "") -> HarborRegistry:
    """Returns the only HarborRegistry of a YAML file; '-' is standard input. Raises CommandError.

    `namespace` counts if the file names none; `cluster` is the identity of the cluster.
    """
    try:
        text = sys.stdin.read() if filename == STANDARD_INPUT else Path(filename).read_text(encoding="utf-8")
        found = [each for each in yaml.safe_load_all(text) if isinstance(each, dict) and each.get("kind") == KIND]
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise CommandError(f"`-f {filename}` cannot be read as YAML: {error}") from None
    if len(found) != 1:
        raise CommandError(f"`-f {filename}` contains {len(found)} objects of kind {KIND}: give one")
    metadata = {"namespace": namespace, "uid": "", **(found[0].get("metadata") or {})}
    try:
        return HarborRegistry.parse({**found[0], "metadata": metadata}, cluster)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CommandError(f"`{place}` of HarborRegistry '{metadata.get('name')}' is invalid: {first['msg']}") from None


def render(registry: HarborRegistry, chart: str = "") -> list[dict[str, Any]]:
    """Returns the objects of the chart; `chart` replaces its source, for example by an archive. Raises CommandError."""
    helm = shutil.which("helm")
    if helm is None:
        raise CommandError("there is no `helm` on PATH: install it, because it renders the chart")
    desired = _plan(registry)
    source = [chart] if chart else [desired.chart, "--version", desired.version]
    if not chart and desired.repository and not desired.chart.startswith("oci://"):
        source += ["--repo", desired.repository]
    argv = [helm, "template", desired.name, *source, "--namespace", desired.namespace, "--values", "-"]
    values = json.dumps(unwrap_secrets(desired.values))
    try:
        done = subprocess.run(  # noqa: S603 - helm with arguments of the spec
            argv, input=values, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"`helm template` took longer than {TIMEOUT_SECONDS} s: check its repository") from None
    if done.returncode:
        raise CommandError(f"`helm template` failed: {done.stderr.strip()}")
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if isinstance(manifest, dict)]


def images_of(manifests: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the images of all containers, sorted, each once."""
    return sorted({str(container["image"]) for manifest in manifests for container in _containers(manifest)})


def plan_with_placeholders(registry: HarborRegistry, release: Release) -> DesiredRelease | Blocked:
    """Returns the release that the operator would install, with a placeholder for each Secret."""
    secrets = ReleaseSecrets(
        generated=dict.fromkeys(placeholders(), _PLACEHOLDER),
        admin_password=_PLACEHOLDER,
        database_login=_LOGIN if registry.spec.database else None,
        cache_password=_PLACEHOLDER if registry.spec.cache else None,
        storage_login=_LOGIN if registry.spec.storage else None,
        driver_credential=_driver_credential(registry),
        user_values=(UserValues("`spec.release.values`", dict(release.values)),),
    )
    return plan_release(registry, release, secrets)


def _plan(registry: HarborRegistry) -> DesiredRelease:
    if registry.spec.release is None:
        raise CommandError(f"HarborRegistry '{registry.metadata.name}' installs nothing: it has no `spec.release`")
    planned = plan_with_placeholders(registry, registry.spec.release)
    if isinstance(planned, Blocked):
        raise CommandError(f"{planned.reason}: {planned.message}")
    return planned


def _driver_credential(registry: HarborRegistry) -> dict[str, SecretStr]:
    driver = registry.spec.storage.driver if registry.spec.storage else None
    return dict.fromkeys(driver.support.credential, _PLACEHOLDER) if driver and driver.secret_ref else {}


def _containers(node: Any) -> Iterator[dict[str, Any]]:
    """Yields the containers of a pod template, wherever it is in an object."""
    if isinstance(node, list):
        for item in node:
            yield from _containers(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("containers", "initContainers") and isinstance(value, list):
                yield from (container for container in value if isinstance(container, dict) and "image" in container)
            else:
                yield from _containers(value)
