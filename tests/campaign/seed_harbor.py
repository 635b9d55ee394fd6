"""The seed that configures a Harbor, which another client has installed."""

from __future__ import annotations

from tests.campaign.references import CA, URL, login, password
from tests.campaign.schema import Spec

HARBOR: Spec = {
    "externalURL": URL,
    "adminPasswordSecretRef": password("admin"),
    "projects": [
        {
            "name": "team-a",
            "public": False,
            "quotaGiB": 50,
            "proxyCache": "hub",
            "autoScan": True,
            "preventVulnerable": "High",
            "allowedCVEs": ["CVE-2026-1"],
            "members": [
                {"user": "bob", "role": "Developer"},
                {"oidcGroup": "team-a", "role": "Guest"},
                {"ldapGroup": "cn=a,dc=example", "role": "Guest"},
            ],
            "immutableTags": [{"repoMatching": "a/**", "tagMatching": "v*"}],
            "retention": {
                "schedule": "Daily",
                "rules": [
                    {"alwaysRetain": True, "repoMatching": "**", "tagMatching": "v*", "untaggedArtifacts": False},
                    {"mostRecentlyPushed": 10, "repoExcluding": "a", "tagExcluding": "b"},
                    {"mostRecentlyPulled": 10},
                    {"nDaysSinceLastPush": 10},
                    {"nDaysSinceLastPull": 10},
                ],
            },
            "webhooks": [
                {
                    "name": "ci",
                    "address": "https://ci.example.com/hook",
                    "events": ["PUSH_ARTIFACT"],
                    "type": "http",
                    "payloadFormat": "CloudEvents",
                    "authHeaderSecretRef": {"name": "hook", "key": "authorization"},
                    "insecure": False,
                    "enabled": True,
                }
            ],
            "robots": [
                {
                    "name": "ci",
                    "access": [
                        {"resource": "repository", "action": "pull"},
                        {"resource": "repository", "action": "push"},
                    ],
                    "secret": {"name": "ci", "namespace": "build", "type": "Opaque"},
                    "rotateAfterDays": 30,
                    "expireAfterDays": 90,
                    "retireAfterSeconds": 3600,
                }
            ],
            "unlisted": "Retain",
        },
        {"name": "team-b", "immutableTags": [{"repoExcluding": "a", "tagExcluding": "b"}]},
    ],
    "registries": [
        {
            "name": "hub",
            "type": "docker-hub",
            "url": "https://hub.docker.com",
            "credentialsSecretRef": login("hub"),
            "insecure": False,
        }
    ],
    "replications": [
        {
            "name": "base",
            "pullFrom": "hub",
            "repoMatching": "library/alpine",
            "tagMatching": "3.*",
            "destinationNamespace": "library",
            "destinationReplaceCount": -1,
            "schedule": "Weekly",
            "onEvent": False,
            "replicateDeletion": False,
            "override": True,
            "enabled": True,
        },
        {"name": "out", "pushTo": "hub", "tagExcluding": "dev", "onEvent": True, "replicateDeletion": True},
    ],
    "configuration": {"robot_token_duration": 30},
    "garbageCollection": {"schedule": "0 0 3 * * *", "deleteUntagged": True, "workers": 2, "dryRun": False},
    "purgeAudit": {"schedule": "Daily", "keepHours": 24, "eventTypes": ["pull_artifact"], "dryRun": False},
    "scanAll": {"schedule": "Daily"},
    "authentication": {
        "oidc": {
            "name": "idp",
            "endpoint": "https://id.example.com",
            "clientID": "harbor",
            "clientSecretRef": {"name": "oidc", "key": "clientSecret"},
            "scopes": ["openid", "email"],
            "verifyCertificate": True,
            "caSecretRef": CA,
            "userClaim": "name",
            "groupsClaim": "groups",
            "adminGroup": "admins",
            "groupFilter": ".*",
            "autoOnboard": True,
            "extraRedirectParameters": {"prompt": "login"},
            "logout": False,
        }
    },
    "pullSecrets": {
        "secretName": "harbor-pull",
        "serviceAccounts": ["default"],
        "extraHosts": ["registry.example.com"],
        "additionalCredentials": [{"host": "docker.io", "secretRef": login("docker-hub")}],
        "namespaces": {
            "selector": {
                "matchLabels": {"team": "a"},
                "matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}],
            },
            "exclude": ["kube-*"],
            "optIn": False,
        },
        "credential": {
            "robot": {
                "scope": "Cluster",
                "projects": ["*"],
                "rotateAfterDays": 30,
                "expireAfterDays": 90,
                "retireAfterSeconds": 3600,
            },
            "allowPush": False,
        },
        "conflictPolicy": "Refuse",
        "admissionPolicy": "Disabled",
        "stuckPods": "Ignore",
    },
}
