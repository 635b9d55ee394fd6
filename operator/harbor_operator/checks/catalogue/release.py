"""Reasons of the Helm release."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.charts import SUPPORTED_RANGE
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.RELEASE_INSTALLING: Problem("Helm installs the chart.", "This is the first installation.", "Wait."),
    Reason.RELEASE_UPGRADING: Problem(
        "Helm upgrades the release.", "The chart version or the values changed.", "Wait."
    ),
    Reason.RELEASE_UNINSTALLING: Problem("Helm uninstalls the release.", "The HarborRegistry was deleted.", "Wait."),
    Reason.RELEASE_FAILED: Problem(
        "Helm failed.",
        "The message ends with Helm's own error.",
        "Correct what the error names. The operator retries with increasing back-off. It never rolls back, because a "
        "database migration can have run.",
    ),
    Reason.RELEASE_LOCKED: Problem(
        "The release is in a `pending-…` state and no Helm process works on it.",
        "A Helm run was killed.",
        "Wait. The operator removes the lock when it is older than `spec.release.timeoutSeconds`.",
    ),
    Reason.RELEASE_FOREIGN: Problem(
        "A release of that name exists and the operator did not install it.",
        "It was installed by hand, or another tool owns it.",
        "Check who uses the release. If it is unused, uninstall it. If it is in use, remove `spec.release` and let its "
        "owner run Harbor, or create a new HarborRegistry with another `spec.release.name`.",
    ),
    Reason.WORKLOADS_NOT_READY: Problem(
        "The release is deployed and its pods are not ready.",
        "Pods are starting, or they fail on images, volumes or a server that they cannot reach.",
        "Run `kubectl -n NAMESPACE get pods -l release=RELEASE`, then describe the pod that is not ready.",
    ),
    Reason.CHART_UNAVAILABLE: Problem(
        "Helm cannot get the chart.",
        "The repository, OCI registry or path is wrong or not reachable.",
        "Check `spec.release.repository`, `spec.release.chart` and `spec.release.version`, or add the chart to the "
        "operator's image.",
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
        "This operator does not know the chart version.",
        "The operator has no verified values for it: keys can have moved.",
        f"Choose a version from {SUPPORTED_RANGE}, or upgrade the operator.",
    ),
    Reason.CHART_VERSION_REFUSED: Problem(
        "The chart version is known to be defective.",
        "The message names the defect.",
        "Choose the version that the message names.",
    ),
    Reason.UPGRADE_REFUSED: Problem(
        "Harbor cannot upgrade from the deployed version to the version in the spec.",
        "Harbor supports upgrades over at most two minor versions and no downgrade.",
        "Upgrade through the versions that the message names.",
    ),
    Reason.VALUES_CONFLICT: Problem(
        "The operator owns a key in `spec.release.values` or `spec.release.valuesFrom`.",
        "Two sources for one value would overwrite each other.",
        "Remove the key and set the field that the message names.",
    ),
    Reason.VALUES_INVALID: Problem(
        "The chart does not know a key of the values, or a value does not parse.",
        "The key is misspelt or belongs to another chart version. Helm ignores such keys silently.",
        "Correct the key that the message names.",
    ),
    Reason.STORAGE_TYPE_CHANGED: Problem(
        "The storage type differs from the deployed one.",
        "An image that one storage driver wrote reads as 0 bytes through another driver.",
        "Set the old type again. To move the images, copy them to a new registry.",
    ),
}
