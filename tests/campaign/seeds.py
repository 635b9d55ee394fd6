"""Valid specs in which every field of the CRD occurs; the cases of the campaign change one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lab.registries import merged
from tests.campaign.references import CA, URL, keys, login, password
from tests.campaign.schema import Spec
from tests.campaign.seed_harbor import HARBOR

RELEASE: Spec = {"version": "1.19.1"}
PROVISION: Spec = {
    "adminURL": "https://rgw.example.com",
    "adminSecretRef": keys("rgw-admin"),
    "uid": "harbor",
    "quotaGiB": 50,
}
S3: Spec = {
    "endpoint": "https://s3.example.com",
    "region": "us-east-1",
    "bucket": "harbor",
    "rootDirectory": "images",
    "adoptExisting": False,
    "credentialsSecretRef": keys("s3"),
    "caSecretRef": CA,
    "chunkSizeMiB": 10,
    "redirect": False,
    "encryption": {"kmsKeyId": "key-1"},
    "storageClass": "STANDARD",
    "provision": PROVISION,
}

FULL: Spec = {
    "externalURL": URL,
    "internalURL": "https://core.example.com:8443",
    "caSecretRef": CA,
    "suspend": False,
    "checkIntervalSeconds": 60,
    "release": {
        **RELEASE,
        "chart": "harbor",
        "repository": "https://helm.goharbor.io",
        "digest": f"sha256:{'0a' * 32}",
        "repositorySecretRef": login("charts"),
        "repositoryCASecretRef": CA,
        "name": "cr",
        "serviceAccountName": "harbor-release",
        "values": {"core": {"replicas": 2}},
        "valuesFrom": [{"kind": "ConfigMap", "name": "values", "key": "values.yaml"}],
        "secretKeyRef": {"name": "key", "key": "secretKey"},
        "allowUpgradeTo": "1.19.1",
        "drift": "Warn",
        "timeoutSeconds": 600,
    },
    "database": {
        "host": "pg.example.com",
        "port": 5432,
        "sslMode": "verify-full",
        "caSecretRef": CA,
        "adminSecretRef": login("pg-admin"),
        "maintenanceDatabase": "postgres",
        "names": {
            "core": "registry",
            "clair": "clair",
            "notaryServer": "notary_server",
            "notarySigner": "notary_signer",
        },
        "connectionLimit": 200,
        "rotateAfterDays": 30,
    },
    "cache": {
        "addresses": ["redis.example.com:6379"],
        "passwordSecretRef": password("redis"),
        "username": "harbor",
        "tls": True,
        "caSecretRef": CA,
    },
    "storage": {
        "swift": {
            "authURL": "https://s3.example.com/auth/v1.0",
            "container": "harbor",
            "adoptExisting": False,
            "credentialsSecretRef": login("swift"),
            "caSecretRef": CA,
            "chunkSizeMiB": 20,
            "provision": PROVISION,
        },
    },
    "expose": {"type": "ingress", "ingressClassName": "nginx", "tlsSecretName": "cr-tls"},
    "adminPasswordSecretRef": password("admin"),
    "deletionPolicy": {"release": "Delete", "database": "Retain", "storage": "Retain", "pullSecrets": "Delete"},
}

_SEEDS: Mapping[str, Spec] = {
    "full": FULL,
    "harbor": HARBOR,
    "s3": {"externalURL": URL, "release": RELEASE, "storage": {"s3": S3}},
    "identity": {
        "externalURL": URL,
        "release": RELEASE,
        "storage": {"s3": {"endpoint": "https://s3.example.com", "bucket": "images", "ambientIdentity": {}}},
    },
    "migration": {
        "externalURL": URL,
        "release": RELEASE,
        "storage": {
            "s3": {"endpoint": "https://s3.example.com", "bucket": "old", "credentialsSecretRef": keys("s3")},
            "migration": {"to": {"s3": {**S3, "bucket": "new"}}},
        },
    },
    "swift-migration": merged(FULL, {"storage": {"migration": {"to": {"s3": {**S3, "bucket": "new"}}}}}),
    "internal-tls": {"externalURL": URL, "release": RELEASE, "internalTLS": {"enabled": True}},
    "issuer": {
        "externalURL": URL,
        "release": RELEASE,
        "internalTLS": {"enabled": True, "issuerRef": {"name": "ca", "kind": "Issuer", "group": "cert-manager.io"}},
    },
    "filesystem": {
        "externalURL": URL,
        "release": RELEASE,
        "storage": {"filesystem": {"size": "5Gi", "storageClassName": "fast"}},
    },
    **{
        f"driver-{name}": {
            "externalURL": URL,
            "release": RELEASE,
            "storage": {
                "driver": {
                    "name": name,
                    "parameters": parameters,
                    "secretRef": {"name": "store-s3" if name == "s3" else "store"},
                    "caSecretRef": CA,
                }
            },
        }
        for name, parameters in {
            "azure": {"accountname": "images", "container": "harbor"},
            "gcs": {"bucket": "b", "chunksize": "20971520", "useWorkloadIdentity": "false"},
            "oss": {"accesskeyid": "a", "region": "r", "bucket": "b"},
            "s3": {"region": "r", "bucket": "b"},
            "swift": {
                "authurl": "https://k.example.com",
                "authversion": "3",
                "username": "u",
                "container": "c",
                "tempurlmethods": "GET,HEAD",
            },
        }.items()
    },
    "ldap": {
        "externalURL": URL,
        "release": RELEASE,
        "adminPasswordSecretRef": password("admin"),
        "authentication": {
            "ldap": {
                "url": "ldaps://ldap.example.com:636",
                "baseDN": "dc=example",
                "searchDN": "cn=search",
                "searchPasswordSecretRef": password("ldap"),
                "uidAttribute": "uid",
                "filter": "(a=b)",
                "scope": "Subtree",
                "timeoutSeconds": 5,
                "groups": {
                    "baseDN": "ou=groups",
                    "filter": "(a=b)",
                    "nameAttribute": "cn",
                    "membershipAttribute": "memberof",
                    "scope": "Base",
                    "adminDN": "cn=admins",
                },
                "verifyCertificate": True,
                "caSecretRef": CA,
            }
        },
    },
    "sentinel": {
        "externalURL": URL,
        "cache": {"addresses": ["a:26379", "[fd00::1]:26379"], "sentinelMaster": "mymaster"},
    },
    "route": {
        "externalURL": "https://[fd00::1]:8443",
        "release": RELEASE,
        "expose": {"type": "route", "parentRefs": [{"name": "gw", "namespace": "gateways", "sectionName": "https"}]},
    },
    "adoption": {
        "externalURL": URL,
        "release": {**RELEASE, "adopt": True, "adoptionPlan": "0123abcd"},
        "database": {"host": "fd00::1", "credentialsSecretRef": login("pg-login")},
    },
    "given": {
        "externalURL": URL,
        "pullSecrets": {
            "credential": {"secretRef": login("pull-account"), "allowPush": True},
            "serviceAccounts": ["*"],
        },
    },
    "namespaces": {
        "externalURL": URL,
        "adminPasswordSecretRef": password("admin"),
        "pullSecrets": {
            "credential": {"robot": {"scope": "Namespace", "projects": ["base"], "selectableProjects": ["team-*"]}}
        },
    },
}

# Without parts that several places share: a case changes one place only.
SEEDS: Mapping[str, Spec] = json.loads(json.dumps(_SEEDS))
