"""What the oracles do not report, each with its reason; the tables are a part of docs/reliability.md."""

from __future__ import annotations

from harbor_operator.reasons import Reason

PATH_DEPENDENT: dict[str, str] = {
    Reason.DATABASE_CHANGED: "a release must not move to an empty database",
    Reason.STORAGE_MIGRATION_FINISHED: "images that were pushed after a migration exist in its target only",
    Reason.PROJECT_REFUSED: "Harbor cannot make a project a mirror later",
    Reason.ENDPOINT_REFUSED: "Harbor cannot change the type of an endpoint",
    Reason.SECRET_INVALID: "the Secret of a robot contains the login of another robot, which may be in use",
}
"""Reasons for which a registry is not ready although a new deployment of its spec would be, and why."""

EXPLAINING: dict[str, str] = {
    "who alone can configure Harbor": "what Harbor is configured by needs its administrator, whose Secret is missing",
}
"""Parts of messages that explain a change without its name, and why."""

SETTING = {"enum", "toggle", "min", "max", "pattern"}
"""Kinds of cases that set a field to another value."""

WITHOUT_EFFECT: dict[str, str] = {
    "checkIntervalSeconds": "the time between two passes",
    "release.digest": "compared when Helm pulls the chart",
    "release.serviceAccountName": "the identity of the next run of Helm",
    "release.allowUpgradeTo": "permits an upgrade",
    "release.drift": "what to do about a change by another client",
    "release.timeoutSeconds": "limits the next run of Helm",
    "database.names.clair": "for charts 1.2 to 1.5",
    "database.names.notaryServer": "for charts 1.2 to 1.12",
    "database.names.notarySigner": "for charts 1.2 to 1.12",
    "database.rotateAfterDays": "a point in time",
    "storage.swift.adoptExisting": "permits the use of a container",
    "storage.s3.adoptExisting": "permits the use of a bucket",
    "storage.swift.provision.adminURL": "every address reaches the gateway in memory",
    "storage.s3.provision.adminURL": "every address reaches the gateway in memory",
    "projects[].unlisted": "what is not listed, of which there is nothing",
    "projects[].robots[].rotateAfterDays": "a point in time",
    "projects[].robots[].expireAfterDays": "Harbor counts from the creation, so a longer time is for the next robot",
    "projects[].robots[].retireAfterSeconds": "a point in time",
    "pullSecrets.stuckPods": "there is no stuck pod",
    "pullSecrets.credential.allowPush": "permits a right that the account does not have",
    "pullSecrets.credential.robot.projects": "'*' contains every other project",
    "pullSecrets.credential.robot.rotateAfterDays": "a point in time",
    "pullSecrets.credential.robot.expireAfterDays": "as for the robots of projects",
    "pullSecrets.credential.robot.retireAfterSeconds": "a point in time",
    "pullSecrets.credential.robot.selectableProjects[]": "no namespace names such a project",
    "deletionPolicy.release": "what a deletion removes",
    "deletionPolicy.database": "what a deletion removes",
    "deletionPolicy.storage": "what a deletion removes",
    "deletionPolicy.pullSecrets": "what a deletion removes",
}
"""Fields whose change is not visible in the state of a registry that is ready, and why."""

RETAINED: dict[str, str] = {
    "database": "`deletionPolicy.database` is Retain",
    "role": "`deletionPolicy.database` is Retain",
    "container": "`deletionPolicy.storage` is Retain",
    "bucket": "`deletionPolicy.storage` is Retain",
    "secret": "a Secret of what is retained, or of a robot that retires",
    "project": "`unlisted` does not remove projects: they contain images",
    "member": "`unlisted` is Retain",
    "robot": "a robot retires for `retireAfterSeconds`",
    "registry": "endpoints of other registries stay",
    "replication": "rules of replication stay",
    "tags": "`unlisted` is Retain",
    "webhook": "`unlisted` is Retain",
    "release": "without `spec.release`, Harbor stays installed",
    "rgw": "`deletionPolicy.storage` is Retain",
}
"""Kinds of lines that a path can leave behind, and why; each other line must be that of a fresh deployment."""

STAYING: dict[str, str] = {
    "quota": "a user of the gateway that another client has created keeps its quota",
    "policies": "an absent `proxyCache`, `autoScan`, `preventVulnerable` or `allowedCVEs` stays as it is",
    "schedule": "an absent section leaves the schedule as it is",
    "setting": "settings that are not named stay as they are",
    "retention": "an absent retention stays as it is",
}
"""Kinds of lines that depend on the path, because what the spec does not name stays as it is."""

NOT_IN_THE_LAB: dict[str, str] = {
    "storage.migration": "the copy runs in a pod, and the campaign's node runs none",
    "storage.swift.provision": "a test of its own gives the operator an administrator of the gateway",
    "max spec.projects": "500 projects stay in Harbor, and each snapshot reads all of them",
    "release.adopt": "nothing of another owner is installed",
}
"""Fields and cases that the campaign on real servers leaves out, and why."""

MOVING: dict[str, str] = {
    "externalURL": "Harbor serves the new address, and clients of the old one are refused",
}
"""Fields of which a change that ends in an error can interrupt Harbor, and why; after others it must go on."""

READY_DIFFERS: dict[str, str] = {
    "pull Secrets: all namespaces": "a namespace of another owner contains a Secret with the name of the pull Secret",
}
"""Semantic cases that end differently on real servers than in memory, and why."""
