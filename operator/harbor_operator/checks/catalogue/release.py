"""Reasons of the Helm release."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.charts import SUPPORTED_RANGE
from harbor_operator.api.request_annotations import BACKUP_COMPLETED_AT
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
        "Check who uses the release. If it is unused, uninstall it. If it is in use, take it over as "
        "[Take over an existing Harbor](how-to/adopt.md) describes, remove `spec.release` and let its owner run "
        "Harbor, or create a new HarborRegistry with another `spec.release.name`.",
    ),
    Reason.RELEASE_ADOPTION_PLANNED: Problem(
        "The release of another client can be adopted; nothing was changed.",
        "`spec.release.adopt` is true, and `spec.release.adoptionPlan` does not name the plan in the message: it is "
        "empty, or the release or the spec has changed since.",
        "Read the plan, and set `spec.release.adoptionPlan` to the identifier at the end of the message. "
        "[Take over an existing Harbor](how-to/adopt.md) explains what follows.",
    ),
    Reason.RELEASE_ADOPTION_REFUSED: Problem(
        "The release of another client cannot be adopted as it is; nothing was changed.",
        "The spec describes another Harbor than the one that runs, a secret of the release was not found, or another "
        "registry owns the release.",
        "Correct what the message lists: it names the field of the spec for each difference. `helm get values RELEASE` "
        "shows the values that were given. [Take over an existing Harbor](how-to/adopt.md) has an example.",
    ),
    Reason.WORKLOADS_NOT_READY: Problem(
        "The release is deployed and its pods are not ready.",
        "Pods are starting, they fail on images, volumes or a server that they cannot reach, or a workload was scaled "
        "to 0 by hand.",
        "Run `kubectl -n NAMESPACE get pods -l release=RELEASE`, then describe the pod that is not ready.",
    ),
    Reason.CERTIFICATES_NOT_ISSUED: Problem(
        "Certificates for `spec.internalTLS` are not ready, or a warning says that one could not be renewed.",
        "The issuer of `spec.internalTLS.issuerRef` does not exist, is not Ready or refuses the request, or "
        "cert-manager does not run.",
        "Run `kubectl -n NAMESPACE describe certificates,certificaterequests`, and `describe` the issuer. Correct the "
        "issuer. cert-manager tries again by itself, or at once with `cmctl renew`.",
    ),
    Reason.ISSUER_UNUSABLE: Problem(
        "The release is not installed or upgraded.",
        "cert-manager is not installed, or the issuer of `spec.internalTLS.issuerRef` has no common CA for all "
        "certificates: Harbor's processes could not trust each other.",
        "Install cert-manager, name an issuer with one CA, for example of type `ca` or `vault`, or remove the field: "
        "the operator then issues the certificates.",
    ),
    Reason.CHART_UNAVAILABLE: Problem(
        "Helm cannot get the chart.",
        "The repository, OCI registry or path is wrong or not reachable, or refuses the login; or an index or an "
        "archive exceeds a limit: 256 MiB of memory, 32 MiB of an index, 4 MiB of an archive, 120 seconds.",
        "Check `spec.release.repository`, `spec.release.chart` and `spec.release.version`, and for a private source "
        "`spec.release.repositorySecretRef` and `spec.release.repositoryCASecretRef`. Behind a proxy, set "
        "`HTTPS_PROXY` on the operator. Or add the chart to the operator's image.",
    ),
    Reason.CHART_DIGEST_MISMATCH: Problem(
        "The chart archive is not the one that `spec.release.digest` names. Nothing was installed.",
        "The archive was published again under the same version, another client replaced it, or the digest in the "
        "spec is of another version.",
        "Compare both digests in the message with `sha256sum` of an archive from a source that you trust, and set the "
        "digest of that archive. If the repository has another one, tell its owner.",
    ),
    Reason.RELEASE_SERVICE_ACCOUNT_MISSING: Problem(
        "Helm does not run: the service account that it acts as does not exist.",
        "The namespace of the registry was prepared for an older version of the operator, or "
        "`spec.release.serviceAccountName` names another account.",
        "Apply `deploy/examples/registry-namespace.yaml` with your namespace, add the namespace to "
        "`registryNamespaces` of the operator's Helm chart, or create the account with the commands in the message. "
        "[operations.md](operations.md#rights) explains the rights.",
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
        "The message names the defect. If the version is already deployed and only a part of Harbor fails, "
        "`status.warnings` names it.",
        "Choose a version that the message names.",
    ),
    Reason.UPGRADE_REFUSED: Problem(
        "Harbor cannot upgrade from the deployed version to the version in the spec.",
        "Harbor supports upgrades over at most two minor versions and no downgrade. This is true as well for the "
        "database that a deleted release has left in the volume of the chart.",
        "Upgrade through the versions that the message names; for a deployed release, `status.upgrade` lists them.",
    ),
    Reason.UPGRADE_NOT_ALLOWED: Problem(
        "The upgrade would migrate Harbor's database, and no one has allowed it. Nothing was changed.",
        "`spec.release.allowUpgradeTo` is empty, or names another version than `spec.release.version`, such as the one "
        "of the last upgrade.",
        "Back up the databases and the images, then set `spec.release.allowUpgradeTo` to the version in the message. "
        "[Upgrade](how-to/upgrade.md#harbor) shows the steps.",
    ),
    Reason.BACKUP_OUTDATED: Problem(
        "The upgrade would migrate Harbor's database, and there is no backup of the running version. Nothing was "
        "changed.",
        f"The annotation `{BACKUP_COMPLETED_AT}` is missing, is no time, is in the future, or is older than "
        "`status.chartDeployedAt`: that backup contains the database of an earlier version.",
        "Back up the databases and the images, then set the annotation to the time at which the backup was complete. "
        "[Upgrade](how-to/upgrade.md#harbor) has the command.",
    ),
    Reason.UPGRADE_INCOMPLETE: Problem(
        "The next upgrade must not begin, because the database is not yet that of the installed version.",
        "Core migrates the database when it starts. It has not started since the last upgrade, or the migration runs.",
        "If the message says that a migration runs, wait. Otherwise set `spec.release.version` back to the installed "
        "version, or to a newer patch of it, and find out with `kubectl -n NAMESPACE get pods -l release=RELEASE` why "
        "core does not start.",
    ),
    Reason.VALUES_CONFLICT: Problem(
        "The operator owns a key in `spec.release.values` or `spec.release.valuesFrom`.",
        "Two sources for one value would overwrite each other.",
        "Remove the key and set the field that the message names.",
    ),
    Reason.VALUES_INVALID: Problem(
        "The chart does not know a key of the values, or a value does not parse.",
        "The key is misspelt or belongs to another chart version. Helm ignores such keys silently.",
        "Correct the key that the message names; it shows the nearest key that the chart reads.",
    ),
    Reason.RELEASE_DRIFTED: Problem(
        "Objects of the release differ from what Helm installed, or are gone.",
        "Another client, such as `kubectl edit`, has changed or deleted them. The next Helm run overwrites such a "
        "change, so it would be lost at an unexpected time.",
        "Undo the change, or put it into `spec.release.values`. With `spec.release.drift: Repair` the operator applies "
        "such objects again; see [operations.md](operations.md#changes-by-other-clients).",
    ),
    Reason.DRIFT_UNKNOWN: Problem(
        "The operator could not compare, or not apply again, objects of the release.",
        "The API server or an admission policy refuses to apply them, also in a dry run, or the service account of the "
        "release lacks a right. Harbor is not affected, but changes by other clients can go unnoticed.",
        "Correct what the answer of the API server at the end of the message names. The next Helm run would fail for "
        "the same cause.",
    ),
    Reason.STORAGE_TYPE_CHANGED: Problem(
        "The storage type, or the bucket, differs from the deployed one.",
        "An image that one storage driver wrote reads as 0 bytes through another driver.",
        "Set the old storage again. To move the images from Swift or S3 to S3, use `spec.storage.migration`; otherwise "
        "copy them to a new registry.",
    ),
    Reason.GENERATED_SECRETS_MISSING: Problem(
        "Harbor ran before, and the key that encrypts its stored credentials is missing.",
        "The Secret `hreg-NAME-pins` was deleted or damaged, or another installation of Harbor filled the database.",
        "Restore that Secret with its labels from a backup, or put the old key into a Secret and name it in "
        "`spec.release.secretKeyRef`. A running core pod has the key in the file `/etc/core/key`.",
    ),
    Reason.SECRET_KEY_CHANGED: Problem(
        "Helm does not run: the `secretKey` is not the one that Harbor uses. With the new one, logins at other "
        "registries and at the login provider would fail.",
        "Another client changed the key in the Secret `hreg-NAME-pins`, or removed it and `spec.release.secretKeyRef` "
        "names another one. Harbor encrypts credentials in its database with it and cannot change it. "
        "`SECRET_KEY_DIGEST` in that Secret is the digest of the first one.",
        "Put the old key back, there or into the Secret that `spec.release.secretKeyRef` names: a backup of the Secret "
        "`hreg-NAME-pins` has it, and a core pod that has not restarted since the change "
        "has it in the file `/etc/core/key`. Remove `SECRET_KEY_DIGEST` only if the database is empty, or was "
        "replaced by one that belongs to the new key.",
    ),
    Reason.PUBLISHED_SECRET: Problem(
        "`status.warnings` names a key of the Secret `hreg-NAME-pins`.",
        "The release was installed with the defaults of the chart before it was adopted, and an adoption keeps the "
        "secrets of the running Harbor.",
        "For the password of the registry, delete its two keys as the message says: the operator generates others. "
        "`secretKey` cannot be changed: protect the database and its dumps, or replicate the images into a new "
        "HarborRegistry.",
    ),
    Reason.DATABASE_CHANGED: Problem(
        "Harbor would start on an empty database instead of the one that it used.",
        "`spec.database` names another server or database than the deployed release, and no table of Harbor is there.",
        "Set the old server and name again. To move the database, set `spec.suspend` to true, restore a dump into the "
        "new one, and set it to false: the operator goes on when it finds Harbor's tables.",
    ),
    Reason.RELEASE_NAME_CHANGED: Problem(
        "Harbor would start beside its data, under another name.",
        "The name of the release, `fullnameOverride` or `nameOverride` differs from the deployed one. Or an upgrade "
        "from a chart before 1.7 would rename all objects, because the name of the release contains `harbor`.",
        "Set the old name again; at such an upgrade, set `fullnameOverride` to the name in the message. For a Harbor "
        "of another name, create a new HarborRegistry.",
    ),
    Reason.VOLUME_CHANGED: Problem(
        "Harbor would start on another volume, without its data.",
        "A key of `persistence` in the values selects another volume than the deployed release, or none.",
        "Set the old value again. To move the data, copy it into a new HarborRegistry.",
    ),
}
