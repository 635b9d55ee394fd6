"""Reasons of the condition Configured."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.request_annotations import ROTATE_ADMIN_PASSWORD_REQUESTED_AT
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.ADMIN_CREDENTIALS_REJECTED: Problem(
        "Harbor rejects the admin password.",
        "It was changed in Harbor. Harbor reads `HARBOR_ADMIN_PASSWORD` only at its first start. A password that you "
        "change in the Secret is changed in Harbor too, but only if the password before was accepted once.",
        "Put the current password into the Secret that the message names.",
    ),
    Reason.PROJECT_REFUSED: Problem(
        "Harbor rejects the creation or change of a project, or of its members and policies.",
        "The message contains Harbor's own error.",
        "Correct `spec.projects`.",
    ),
    Reason.ENDPOINT_REFUSED: Problem(
        "Harbor rejects an endpoint of `spec.registries`.",
        "Harbor cannot reach the registry, or the registry rejects the login; Harbor tests both. Or the endpoint "
        "exists with another type, which Harbor cannot change.",
        "Correct the entry that the message names. For another type, use another name.",
    ),
    Reason.ROBOT_SECRET_NOT_ALLOWED: Problem(
        "A robot of a project has no login, because the HarborRegistry must not write Secrets into that namespace.",
        "`spec.projects[].robots[].secret.namespace` names another namespace than that of the HarborRegistry, and the "
        "setting `HARBOR_OPERATOR_ROBOT_SECRET_NAMESPACES` of the operator does not allow it.",
        "The administrator of the operator adds the pair that the message names to the setting, and applies "
        "`deploy/examples/robot-secrets.yaml` to that namespace. Or remove the field: the Secret is then in the "
        "namespace of the HarborRegistry.",
    ),
    Reason.REPLICATION_REFUSED: Problem(
        "Harbor rejects a rule of `spec.replications`.",
        "The registry that it names is not in Harbor, or Harbor does not accept a pattern or the schedule. The message "
        "contains Harbor's own error.",
        "Correct the entry that the message names.",
    ),
    Reason.REGISTRY_READ_ONLY: Problem(
        "Harbor is read-only.",
        "An administrator set the read-only mode, often for a migration.",
        "`spec.storage.migration` ends the mode itself. Else turn it off under Configuration, System Settings, when "
        "the migration is over.",
        ("The system is in read only mode",),
    ),
    Reason.CONFIGURATION_REFUSED: Problem(
        "Harbor rejects a setting, or a setting of the spec has the wrong type.",
        "The message names the setting and contains Harbor's own error.",
        "Correct the field of the spec that the message names.",
    ),
    Reason.CONFIGURATION_LOCKED: Problem(
        "Settings in Harbor differ from the spec, and Harbor does not let them be changed.",
        "The environment variable `CONFIG_OVERWRITE_JSON` of core (chart value `core.configureUserSettings`) fixes "
        "every setting.",
        "Set the value there and remove the setting from the spec, or remove the variable, so that the spec counts.",
    ),
    Reason.CONFIGURATION_UNSUPPORTED: Problem(
        "The spec names a setting that Harbor does not have.",
        "The name is misspelled, this version of Harbor has no such setting, or it is a secret, which Harbor never "
        "returns.",
        "Correct or remove the setting. `GET /api/v2.0/configurations` lists the settings of this Harbor.",
    ),
    Reason.ADMIN_ROTATION_REFUSED: Problem(
        "`status.warnings` says that the password of `admin` was not rotated.",
        "The annotation asks for a rotation, and `spec.adminPasswordSecretRef` names a Secret of yours, which the "
        "operator does not change.",
        "Put a new password into that Secret: the operator changes it in Harbor. Then remove the annotation.",
    ),
    Reason.ADMIN_PASSWORD_DEFAULT: Problem(
        "`status.warnings` names the password of `admin`.",
        "The Secret of `spec.adminPasswordSecretRef`, or the Secret `hreg-NAME-admin-password` of an adopted release, "
        "contains the default password of the official chart, which everyone knows.",
        "Put another password into the Secret of `spec.adminPasswordSecretRef`: the operator changes it in Harbor. "
        "Without that field, run `kubectl annotate hreg NAME --overwrite "
        f'{ROTATE_ADMIN_PASSWORD_REQUESTED_AT}="$(date -Is)"`: the operator generates another password.',
    ),
    Reason.SCHEDULE_REFUSED: Problem(
        "Harbor rejects a schedule, or has no scanner for `spec.scanAll`.",
        "The cron expression has a field that Harbor does not accept, or this version of Harbor has no such job. The "
        "message contains Harbor's own error.",
        "Correct `schedule` in the section of the spec that the message names, or remove the section.",
    ),
    Reason.GARBAGE_COLLECTION_FAILED: Problem(
        "`status.warnings` names a garbage collection that failed. Everything else continues.",
        "The storage refused a deletion, or the job service was interrupted. With a Swift store, an object without "
        "segments ends the run with a timeout.",
        "Read the log of the run in Harbor under Clean Up, Garbage Collection, correct the cause, and start a run "
        "there. The warning ends with the next run that succeeds.",
    ),
    Reason.STORAGE_DATA_MISSING: Problem(
        "Layers have 0 bytes, or some pulls fail. `status.warnings` compares the images in Harbor with the storage.",
        "After a garbage collection, the container or bucket holds less than Harbor's database counts. Another client "
        "has deleted objects, the storage was replaced, or images were written by Harbor 1.9 to S3 on Ceph RGW, "
        "which stores empty layers.",
        "Delete nothing, and keep backups of the storage. Compare `status.storageURL` with the storage that the images "
        "were pushed to. Push the affected images again: a push uploads only what is missing. The warning ends with "
        "the next garbage collection after which the sizes agree.",
        ("blob unknown to registry", "unexpected EOF"),
    ),
    Reason.STORAGE_NOT_FREED: Problem(
        "The storage grows although images are deleted. `status.warnings` compares the images in Harbor with the "
        "storage.",
        "After a garbage collection, the container or bucket holds much more than Harbor's database counts: data of "
        "interrupted uploads, layers that the database does not know, or objects of another client.",
        "List the largest prefixes of the container or bucket. The registry removes uploads that are older than a week "
        "by itself. Give objects of other clients a container or bucket of their own. Do not delete anything below "
        "`docker/registry/v2/blobs`.",
    ),
    Reason.ZERO_SEGMENT_OBJECT: Problem(
        "Garbage collection or a pull stops for 16 seconds and fails on one object of a Swift store. "
        "`status.warnings` names such objects.",
        "A large object consists of segments, and none of them exists: an interrupted upload left it, or another "
        "client has deleted the segments. The object has no data any more.",
        "If a backup has the segments, restore them. Otherwise read the object again: `swift stat CONTAINER OBJECT` "
        "must show `Content Length: 0` and a `Manifest`. Then delete this object, and no other: `swift delete "
        "CONTAINER OBJECT`. If its path contains `/blobs/`, push the images that have this layer again. The warning "
        "ends with the next check of the operator. A search after each garbage collection reads at most 100 objects "
        "of 0 bytes in each check, so a large container takes many checks.",
        ("timeout expired while waiting for segments of … to show up",),
    ),
}
