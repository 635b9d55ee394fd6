"""Servers that a platform team has prepared for the seeds: every Secret that they name, with logins that work."""

from __future__ import annotations

from pydantic import SecretStr

from harbor_operator.model.cache import Address, Mode, ObservedCache
from harbor_operator.model.storage import RgwUser
from tests.campaign.deployment import NAMESPACE, Deployment, Servers
from tests.fakes.harbor import StoredProject
from tests.fakes.postgres import FakeRole
from tests.fakes.redis import FakeNode
from tests.fakes.storage_driver import CREDENTIALS

CA = "-----BEGIN CERTIFICATE-----\nCA\n-----END CERTIFICATE-----\n"
PASSWORDS = {
    "admin": "Admin-pass-1",
    "redis": "Redis-pass-1",
    "ldap": "Ldap-pass-1",
}
LOGINS = {
    "charts": ("charts", "Charts-pass-1"),
    "pg-admin": ("admin", "Pg-admin-pass-1"),
    "pg-login": ("harbor", "Login-pass-1"),
    "swift": ("harbor:swift", "Swift-pass-1"),
    "hub": ("hub", "Hub-pass-1"),
    "docker-hub": ("docker", "Docker-pass-1"),
    "pull-account": ("puller", "Puller-pass-1"),
}
KEYS = {"rgw-admin": ("access", "Rgw-admin-key-1"), "s3": ("ACCESS", "S3-secret-1")}
SECRETS = {
    **{name: {"password": password} for name, password in PASSWORDS.items()},
    **{name: {"username": user, "password": password} for name, (user, password) in LOGINS.items()},
    **{name: {"accessKey": access, "secretKey": secret} for name, (access, secret) in KEYS.items()},
    "ca": {"ca.crt": CA},
    "store": {key: value for values in CREDENTIALS.values() for key, value in values.items()},
    "store-s3": {"REGISTRY_STORAGE_S3_ACCESSKEY": "s3-access-1", "REGISTRY_STORAGE_S3_SECRETKEY": "s3-secret-key-1"},
    "key": {"secretKey": "0123456789abcdef"},
    "hook": {"authorization": "Bearer hook-token-1"},
    "oidc": {"clientSecret": "Oidc-secret-1"},
}
SECRET_VALUES = {
    value
    for values in SECRETS.values()
    for key, value in values.items()
    if key not in {"username", "ca.crt", "accessKey"}
}
"""What must not be in any status, event or log."""


def prepared() -> Deployment:
    """Returns the operator with all servers; nothing is deployed."""
    servers = Servers()
    for name, values in SECRETS.items():
        servers.kube.put(NAMESPACE, name, values)
    servers.kube.config_maps[NAMESPACE, "values"] = {"values.yaml": "portal: {replicas: 2}\n"}
    for address in ("redis.example.com:6379",):
        servers.redis.nodes[Address.parse(address)] = FakeNode(
            ObservedCache("Redis 7.4.0"), PASSWORDS["redis"], users=("harbor",)
        )
    servers.redis.nodes[Address.parse("master:6379")] = FakeNode(ObservedCache("Redis 7.4.0"))
    for address in ("a:26379", "[fd00::1]:26379"):
        sentinel = FakeNode(
            ObservedCache("Redis 7.4.0", mode=Mode.SENTINEL), masters={"mymaster": Address("master", 6379)}
        )
        servers.redis.nodes[Address.parse(address)] = sentinel
    servers.postgres.admin_password = LOGINS["pg-admin"][1]
    servers.rgw.admins = dict([KEYS["rgw-admin"]])
    servers.logins["harbor:swift"] = LOGINS["swift"][1]
    servers.harbor.projects["base"] = StoredProject(2, public=False)
    servers.harbor._number = 2
    servers.s3.buckets["old"] = {}
    servers.rgw.users["harbor"] = RgwUser("harbor", "Harbor", s3_keys={"ACCESS": SecretStr(KEYS["s3"][1])})
    servers.keys["ACCESS"] = SecretStr(KEYS["s3"][1])
    servers.harbor.accounts["puller"] = (LOGINS["pull-account"][1], False)
    servers.projects.ldap_groups["cn=a,dc=example"] = 1
    servers.postgres.roles["harbor"] = FakeRole(LOGINS["pg-login"][1])
    return Deployment(servers)
