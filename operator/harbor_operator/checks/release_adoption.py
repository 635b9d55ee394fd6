"""Checks of the takeover of a release that another client installed: what is in its way, and the plan to confirm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.checks.release_data import SECRET_KEY_LENGTH
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import GeneratedSecret, StoredRelease
from harbor_operator.model.release_adoption import TOKEN_PAIR_PATH, AdoptionPlan, ChangedValue, SecretLocation
from harbor_operator.reasons import Reason

CHART = "harbor"
MAX_LISTED_FINDINGS = 20
_FLUX = re.compile(r"^\s+helm\.toolkit\.fluxcd\.io/name: [\"']?([a-z0-9.-]+)", re.MULTILINE)


def no_release(name: str, namespace: str) -> Blocked:
    """Returns the refusal to install a new Harbor where the spec expects an existing one."""
    return Blocked(
        Reason.RELEASE_ADOPTION_REFUSED,
        f"`spec.release.adopt` is true and namespace '{namespace}' has no Helm release '{name}': set"
        " `spec.release.name` to its name (`helm list`), or remove `spec.release.adopt` to install a new Harbor",
    )


def adoption_refused(name: str, findings: Sequence[str]) -> Blocked:
    """Returns everything that cannot be kept: one correction is enough."""
    more = len(findings) - MAX_LISTED_FINDINGS
    listed = "; ".join([*findings[:MAX_LISTED_FINDINGS], *([f"and {more} more"] if more > 0 else [])])
    return Blocked(
        Reason.RELEASE_ADOPTION_REFUSED,
        f"Helm release '{name}' cannot be adopted as it is and was not changed: {listed}",
    )


def adoption_planned(name: str, version: str, plan: AdoptionPlan) -> Blocked:
    """Returns the plan, which waits for its confirmation."""
    secrets = ", ".join(f"'{secret}'" for secret in plan.secrets)
    replaced = ", ".join(f"`{path}`" for path in plan.replaced)
    changes = f" and sets {replaced} as in every release of the operator" if replaced else ""
    # The chart publishes the pair of some versions, which the operator replaces.
    kept_pair = "" if TOKEN_PAIR_PATH in plan.replaced else ", the token key pair"
    flux = (
        f" The objects have the labels of Flux's HelmRelease '{plan.helm_release}': suspend it, and delete it while it"
        " is suspended, before you adopt the release."
    )
    return Blocked(
        Reason.RELEASE_ADOPTION_PLANNED,
        f"Helm release '{name}' (revision {plan.revision}, chart {version}) can be adopted without a Helm run, without"
        " a restart and without a change of its objects. `secretKey`, the secrets of core, jobservice and registry,"
        f" the XSRF key{kept_pair} and the admin password are kept as they are in {secrets}; database and"
        " storage stay. The next change of the spec runs Helm, which restarts core, jobservice and registry once"
        f"{changes}.{flux if plan.helm_release else ''} To adopt the release, set `spec.release.adoptionPlan` to"
        f" '{plan.identifier}'",
    )


def check_stored_release(stored: StoredRelease, status: str, owner: str, version: str) -> list[str]:
    """Returns why the release cannot be adopted, whatever the rest of the spec says.

    `owner` is the HarborRegistry in the labels of the release, `version` the one in the spec.
    """
    found = []
    if owner:
        found.append(f"it belongs to HarborRegistry '{owner}' of this namespace")
    if status != "deployed":
        found.append(f"its newest revision is '{status}': let its owner bring it to 'deployed' (`helm history`)")
    if stored.chart_name != CHART:
        found.append(f"its chart is '{stored.chart_name}', not the official chart '{CHART}'")
    if stored.chart_version != version:
        found.append(
            f"its chart is {stored.chart_version}: set `spec.release.version` to '{stored.chart_version}', and upgrade"
            " after the adoption"
        )
    return found


def flux_owner(manifest: str) -> str:
    """Returns the HelmRelease of Flux in the labels of the objects; it may no longer exist."""
    found = _FLUX.search(manifest)
    return found[1] if found else ""


def check_locations(locations: Mapping[str, SecretLocation], read: Mapping[str, SecretStr]) -> list[str]:
    """Returns which secrets of the running Harbor were not found; `read` has the keys of those that were."""
    found = []
    for target, location in locations.items():
        if target not in read:
            where = f"key '{location.key}' of Secret '{location.secret}'" if location.secret else f"'{location.key}'"
            found.append(f"{where}, which the chart reads, was not found")
    key = read.get(GeneratedSecret.SECRET_KEY)
    if key and len(key.get_secret_value()) != SECRET_KEY_LENGTH:
        found.append(f"its `secretKey` has {len(key.get_secret_value())} characters, and Harbor's has 16")
    return found


def describe_conflicts(keys: Sequence[str], secret: str) -> list[str]:
    """Returns which secrets the registry has already, with other values."""
    return [
        f"the registry has another '{key}' than the release, in Secret '{secret}' or through a reference of its spec:"
        " remove the reference, and delete that Secret if no Harbor uses it"
        for key in keys
    ]


def describe_lost(values: Sequence[ChangedValue]) -> list[str]:
    """Returns the values that the next Helm run would lose; only the public defaults of the chart are shown."""
    return [
        f"`{value.path}`{f' is {value.default} (the default of the chart)' if value.default else ' differs'}:"
        f" {value.where_to_set}"
        for value in values
    ]
