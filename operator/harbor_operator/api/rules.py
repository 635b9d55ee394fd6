"""CEL rules of the CRD: the API server rejects an invalid object at `kubectl apply`.

The models check the same rules, except those that compare with the old object, because `harbor-operator` also reads
objects from files.
"""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api import (
    adoption,
    authentication,
    backends,
    chart_source,
    driver_rules,
    expose,
    image_hosts,
    internal_tls,
    project_policies,
    project_robots,
    projects,
    replications,
    robot,
    s3,
    storage_migration,
    webhooks,
)
from harbor_operator.api.addresses import each_host_rule, host_rule, if_given, url_rule
from harbor_operator.api.base import OWN_PREFIX
from harbor_operator.api.rule import Rule

_TAG_SELECTION = Rule(
    "!(has(self.repoMatching) && has(self.repoExcluding)) && !(has(self.tagMatching) && has(self.tagExcluding))",
    project_policies.SELECTION_MESSAGE,
)

_ROTATION_BEFORE_EXPIRY = Rule(
    "!has(self.rotateAfterDays) || !has(self.expireAfterDays) || self.rotateAfterDays < self.expireAfterDays",
    robot.ROTATION_BEFORE_EXPIRY_MESSAGE,
)
# One list for each resource: a map of lists exceeds the cost that the API server allows.
_HAS_THE_ACTION = " : ".join(
    [
        *(
            f"self.resource == '{resource}' ? self.action in {list(actions)}"
            for resource, actions in project_robots.ACTIONS.items()
        ),
        "false",
    ]
)

_BY_MIGRATION = f"{storage_migration.MOVED} || {storage_migration.MOVED_BACK}"

RULES: Mapping[str, tuple[Rule, ...]] = {
    "Storage": (
        Rule(
            "[has(self.swift), has(self.s3), has(self.filesystem), has(self.driver)].filter(kind, kind).size() == 1",
            backends.ONE_KIND_MESSAGE,
        ),
        Rule(
            "has(self.swift) == has(oldSelf.swift) && has(self.s3) == has(oldSelf.s3)"
            f" && has(self.driver) == has(oldSelf.driver) || {_BY_MIGRATION}",
            "the storage type is immutable: an image that one driver wrote is unreadable through another; `migration`"
            " copies the images to S3",
        ),
        Rule(
            f"!has(self.s3) || !has(oldSelf.s3) || self.s3.bucket == oldSelf.s3.bucket || {_BY_MIGRATION}",
            "`bucket` is immutable: it contains the images; `migration` copies them to another one",
        ),
        Rule(
            "!has(self.s3) || !has(oldSelf.s3)"
            f" || {storage_migration.folder('self.s3')} == {storage_migration.folder('oldSelf.s3')} || {_BY_MIGRATION}",
            "`rootDirectory` is immutable: it contains the images; `migration` copies them to another one",
        ),
        *storage_migration.RULES,
    ),
    "Swift": (Rule("self.container == oldSelf.container", "`container` is immutable: it contains the images"),),
    "StorageDriver": driver_rules.RULES,
    "S3": (url_rule("endpoint", "self.endpoint"), *s3.RULES),
    "Database": (
        host_rule("host", "self.host"),
        Rule(
            "!has(self.credentialsSecretRef) || !has(self.credentialsSecretRef.passwordKey)"
            " || self.credentialsSecretRef.passwordKey == 'password'",
            backends.CHART_KEY_MESSAGE,
        ),
        Rule("!has(self.credentialsSecretRef) || !has(self.rotateAfterDays)", backends.ROTATION_MESSAGE),
        Rule("!self.host.contains(',')", backends.ONE_HOST_MESSAGE),
        Rule(
            "has(self.adminSecretRef) != has(self.credentialsSecretRef)",
            "give exactly one of `adminSecretRef` and `credentialsSecretRef`",
        ),
        Rule(
            "!has(self.credentialsSecretRef) || !has(self.maintenanceDatabase)"
            " || self.maintenanceDatabase == 'postgres'",
            "`maintenanceDatabase` is for `adminSecretRef` only",
        ),
    ),
    "Cache": (
        each_host_rule("addresses"),
        Rule(
            "size(self.addresses) == 1 || (has(self.sentinelMaster) && self.sentinelMaster != '')",
            "several `addresses` mean Sentinel: set `sentinelMaster`, or give one address",
        ),
        Rule(
            "!(has(self.tls) && self.tls && has(self.sentinelMaster) && self.sentinelMaster != '')",
            "`tls` with `sentinelMaster` is broken in the chart's registry: use one of them",
        ),
        Rule(
            "!has(self.username) || self.username == '' || has(self.passwordSecretRef)",
            "`username` needs `passwordSecretRef`",
        ),
        Rule("!has(self.caSecretRef) || (has(self.tls) && self.tls)", "`caSecretRef` needs `tls: true`"),
    ),
    "Authentication": (Rule("has(self.oidc) != has(self.ldap)", authentication.ONE_KIND_MESSAGE),),
    "Oidc": (
        Rule(f"!has(self.scopes) || '{authentication.OPENID}' in self.scopes", authentication.OPENID_MESSAGE),
        Rule(
            "(!has(self.adminGroup) || self.adminGroup == '') && (!has(self.groupFilter) || self.groupFilter == '')"
            " || has(self.groupsClaim) && self.groupsClaim != ''",
            authentication.GROUPS_CLAIM_MESSAGE,
        ),
        Rule(
            "!has(self.caSecretRef) || !has(self.verifyCertificate) || self.verifyCertificate",
            authentication.UNUSED_CA_MESSAGE,
        ),
    ),
    "Ldap": (
        Rule(
            "!has(self.caSecretRef) || !has(self.verifyCertificate) || self.verifyCertificate",
            authentication.UNUSED_CA_MESSAGE,
        ),
        Rule("!has(self.caSecretRef) || self.url.startsWith('ldaps:')", authentication.LDAPS_CA_MESSAGE),
    ),
    "PullSecrets": image_hosts.RULES,
    "RegistryCredential": image_hosts.CREDENTIAL_RULES,
    "PullCredential": (Rule("has(self.robot) != has(self.secretRef)", "give exactly one of `robot` and `secretRef`"),),
    "Member": (
        Rule(
            "(has(self.user) ? 1 : 0) + (has(self.oidcGroup) ? 1 : 0) + (has(self.ldapGroup) ? 1 : 0) == 1",
            projects.MEMBER_MESSAGE,
        ),
    ),
    "ImmutableTagRule": (_TAG_SELECTION,),
    "Webhook": (
        Rule(
            "!has(self.type) || self.type == 'http' || !has(self.payloadFormat) || self.payloadFormat == 'Default'",
            webhooks.PAYLOAD_MESSAGE,
        ),
    ),
    "RetentionRule": (
        _TAG_SELECTION,
        Rule(
            "(has(self.mostRecentlyPushed) ? 1 : 0) + (has(self.mostRecentlyPulled) ? 1 : 0)"
            " + (has(self.nDaysSinceLastPush) ? 1 : 0) + (has(self.nDaysSinceLastPull) ? 1 : 0)"
            " + (has(self.alwaysRetain) && self.alwaysRetain ? 1 : 0) == 1",
            project_policies.CRITERION_MESSAGE,
        ),
    ),
    "Replication": (
        Rule("has(self.pullFrom) != has(self.pushTo)", replications.DIRECTION_MESSAGE),
        Rule("!(has(self.tagMatching) && has(self.tagExcluding))", replications.TAG_MESSAGE),
        Rule(
            "!has(self.onEvent) || !self.onEvent"
            " || has(self.pushTo) && (!has(self.schedule) || self.schedule == 'None')",
            replications.EVENT_MESSAGE,
        ),
        Rule(
            "!has(self.replicateDeletion) || !self.replicateDeletion || has(self.onEvent) && self.onEvent",
            replications.DELETION_MESSAGE,
        ),
    ),
    "Robot": (
        _ROTATION_BEFORE_EXPIRY,
        Rule(
            "!has(self.selectableProjects) || size(self.selectableProjects) == 0"
            " || (has(self.scope) && self.scope == 'Namespace')",
            robot.SELECTABLE_MESSAGE,
        ),
        Rule(
            "!has(self.scope) || self.scope == 'Cluster' || !has(self.projects) || !('*' in self.projects)",
            robot.EVERY_PROJECT_MESSAGE,
        ),
    ),
    "RobotAccess": (Rule(_HAS_THE_ACTION, project_robots.ACTION_MESSAGE),),
    "RobotSecret": (Rule(f"!self.name.startsWith('{OWN_PREFIX}')", project_robots.OWN_NAME_MESSAGE),),
    "ProjectRobot": (
        Rule(
            "!self.access.exists(one, one.resource == 'repository' && one.action == 'push')"
            " || self.access.exists(one, one.resource == 'repository' && one.action == 'pull')",
            project_robots.PUSH_MESSAGE,
        ),
        _ROTATION_BEFORE_EXPIRY,
    ),
    "LabelExpression": (
        Rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "In and NotIn need `values`; Exists and DoesNotExist take none",
        ),
    ),
    "Expose": expose.RULES,
    "IssuerRef": internal_tls.ISSUER_RULES,
    "Release": (
        Rule(
            f"!has(self.repository) || !self.repository.matches(r'{chart_source.LOGIN}')",
            chart_source.REPOSITORY_LOGIN_MESSAGE,
        ),
        Rule(
            f"!has(self.repository) || self.repository.matches(r'{chart_source.REPOSITORY}')",
            chart_source.REPOSITORY_MESSAGE,
        ),
        Rule(f"!has(self.chart) || !self.chart.matches(r'{chart_source.LOGIN}')", chart_source.CHART_LOGIN_MESSAGE),
        Rule(
            f"!has(self.chart) || !self.chart.startsWith('{chart_source.HTTP}')"
            f" || self.chart.matches(r'{chart_source.LOOPBACK_CHART}')",
            chart_source.CHART_HTTP_MESSAGE,
        ),
        Rule(chart_source.UNUSED_LOGIN_RULE, chart_source.UNUSED_LOGIN_MESSAGE),
        adoption.UNUSED_PLAN_RULE,
        Rule(
            "(has(self.name) ? self.name : '') == (has(oldSelf.name) ? oldSelf.name : '')",
            "`name` is immutable: another name would install a second Harbor on the same data",
        ),
    ),
    "HarborRegistrySpec": (
        url_rule("externalURL", "self.externalURL"),
        if_given("internalURL", url_rule("internalURL", "self.internalURL")),
        Rule(
            "!has(oldSelf.storage) || has(self.storage)",
            "`storage` cannot be removed: the chart would start Harbor on an empty volume",
        ),
        Rule(
            "!has(oldSelf.database) || has(self.database) || !has(self.release)",
            "`database` cannot be removed: the chart would start Harbor on an empty database",
        ),
        driver_rules.RELEASE_RULE,
        driver_rules.DELETION_RULE,
        s3.RELEASE_RULE,
        s3.DELETION_RULE,
        storage_migration.RELEASE_RULE,
        adoption.LOGIN_RULE,
        internal_tls.RELEASE_RULE,
    ),
}
