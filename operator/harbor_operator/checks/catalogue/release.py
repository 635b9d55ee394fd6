"""Reasons of the Helm release."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.RELEASE_INSTALLING: Problem("Helm installs the chart.", "First installation.", "Wait."),
    Reason.RELEASE_UPGRADING: Problem("Helm upgrades the release.", "Chart version or values changed.", "Wait."),
    Reason.RELEASE_UNINSTALLING: Problem("Helm removes the release.", "The registry was deleted.", "Wait."),
    Reason.RELEASE_FAILED: Problem(
        "Helm failed.",
        "The message ends with what Helm said.",
        "Mend what it names; the operator tries again by itself. It never rolls back: a migration may have run.",
    ),
    Reason.RELEASE_LOCKED: Problem(
        "The release is in a `pending-…` state that nobody works on.",
        "A Helm run was killed.",
        "Wait: the operator unlocks it once it is older than `spec.release.timeoutSeconds`.",
    ),
    Reason.RELEASE_FOREIGN: Problem(
        "A release of that name exists and is not the operator's.",
        "Somebody installed it by hand or another tool owns it.",
        "Uninstall it if nobody needs it, leave `spec.release` out and let its owner run it, or make the registry anew "
        "with another `spec.release.name`.",
    ),
    Reason.WORKLOADS_NOT_READY: Problem(
        "The release is deployed, its pods are not ready.",
        "Pods start, or cannot: images, volumes, or a backend they cannot reach.",
        "`kubectl -n NAMESPACE get pods -l release=RELEASE`, then describe the one that is not ready.",
    ),
    Reason.CHART_UNAVAILABLE: Problem(
        "Helm cannot get the chart.",
        "Repository, OCI registry or path is wrong or out of reach.",
        "Check `spec.release.repository`, `chart` and `version`; or put the chart into the operator's image.",
    ),
    Reason.RELEASE_SERVICE_ACCOUNT_MISSING: Problem(
        "Helm does not run: the service account that it acts as does not exist.",
        "The namespace of the registry was prepared for an older version of the operator, or "
        "`spec.release.serviceAccountName` names another account.",
        "Apply `deploy/examples/registry-namespace.yaml` with your namespace, or create the account with the commands "
        "in the message. [operations.md](operations.md#rights) explains the rights.",
    ),
    Reason.CHART_SOURCE_REFUSED: Problem(
        "The chart comes from a source that is not allowed.",
        "A chart can contain any manifest, so the administrator of the operator lists the allowed repositories, "
        "registries and directories in the setting `HARBOR_OPERATOR_CHART_SOURCES`.",
        "Use an allowed source, or ask the administrator to add this one.",
    ),
    Reason.CHART_VERSION_UNKNOWN: Problem(
        "The chart version is unknown to this operator.",
        "Its values were never checked: keys may have moved.",
        "Choose a version from 1.2 to 1.19, or upgrade the operator.",
    ),
    Reason.CHART_VERSION_REFUSED: Problem(
        "The chart version is known to be bad.",
        "The message says why.",
        "Choose the version that the message names.",
    ),
    Reason.UPGRADE_REFUSED: Problem(
        "The wanted version cannot follow the deployed one.",
        "Harbor takes at most two minors at a time and never goes back.",
        "Go through the versions that the message names.",
    ),
    Reason.VALUES_CONFLICT: Problem(
        "A key in `spec.release.values` or `valuesFrom` belongs to the operator.",
        "Two owners of one value would take turns.",
        "Remove the key and use the field of the spec that the message names.",
    ),
    Reason.VALUES_INVALID: Problem(
        "A key of the values is unknown, or a value does not parse.",
        "A typing error, or a key of another chart version; Helm would ignore it silently.",
        "Mend the key that the message names.",
    ),
    Reason.STORAGE_TYPE_CHANGED: Problem(
        "The storage type differs from the deployed one.",
        "Images written through one driver come back with 0 bytes through another.",
        "Set the old type again; to move, copy the images to a new registry.",
    ),
}
