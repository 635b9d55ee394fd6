"""The users of a RADOS gateway in memory; Swift keys are also in `logins`, S3 keys in `keys`; stores may share both."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import NoReturn

from pydantic import SecretStr

from harbor_operator.checks.storage import explain_admin_error
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import Quota, RgwEndpoint, RgwUser
from harbor_operator.plan.storage import FULL_ACCESS
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason


class FakeRgwAdmin:
    """Users by uid; `admins` are the access keys that may use the API, and what they sign with."""

    def __init__(
        self,
        logins: dict[str, str] | None = None,
        admins: dict[str, str] | None = None,
        keys: dict[str, SecretStr] | None = None,
    ) -> None:
        self.logins = {} if logins is None else logins
        self.keys = {} if keys is None else keys
        self.admins = {"access": "secret"} if admins is None else admins
        self.powerless: set[str] = set()
        self.users: dict[str, RgwUser] = {}
        self.bucket_owners: set[str] = set()
        self.down = False
        self.writes: list[str] = []

    async def read_user(self, endpoint: RgwEndpoint, uid: str) -> RgwUser | None:
        self._admit(endpoint)
        return self.users.get(uid)

    async def ensure_user(self, endpoint: RgwEndpoint, uid: str, display_name: str) -> None:
        self._admit(endpoint)
        self.writes.append(f"user {uid}")
        self.users.setdefault(uid, RgwUser(uid, display_name))

    async def set_swift_login(self, endpoint: RgwEndpoint, username: str, key: SecretStr) -> None:
        user = self._user(endpoint, username.partition(":")[0])
        self.writes.append(f"login {username}")
        subusers = {**user.subusers, username: FULL_ACCESS}
        self.users[user.uid] = replace(user, subusers=subusers, swift_keys={**user.swift_keys, username: key})
        self.logins[username] = key.get_secret_value()

    async def set_quota(self, endpoint: RgwEndpoint, uid: str, quota: Quota) -> None:
        user = self._user(endpoint, uid)
        self.writes.append(f"quota {uid}")
        self.users[uid] = replace(user, quota=quota if quota.enabled else replace(user.quota, enabled=False))

    async def remove_swift_login(self, endpoint: RgwEndpoint, username: str) -> None:
        self._admit(endpoint)
        user = self.users.get(username.partition(":")[0])
        self.logins.pop(username, None)
        if user is not None:
            self.writes.append(f"remove login {username}")
            subusers = {name: right for name, right in user.subusers.items() if name != username}
            keys = {name: key for name, key in user.swift_keys.items() if name != username}
            self.users[user.uid] = replace(user, subusers=subusers, swift_keys=keys)

    async def set_s3_key(self, endpoint: RgwEndpoint, uid: str, access_key: str, secret_key: SecretStr) -> None:
        user = self._user(endpoint, uid)
        if access_key in self.keys and access_key not in user.s3_keys:
            self._deny(endpoint, HTTPStatus.CONFLICT, "KeyExists")
        self.writes.append(f"key {access_key}")
        self.users[uid] = replace(user, s3_keys={**user.s3_keys, access_key: secret_key})
        self.keys[access_key] = secret_key

    async def remove_s3_key(self, endpoint: RgwEndpoint, uid: str, access_key: str) -> None:
        self._admit(endpoint)
        user = self.users.get(uid)
        if user is not None and access_key in user.s3_keys:
            self.writes.append(f"remove key {access_key}")
            left = {key: secret for key, secret in user.s3_keys.items() if key != access_key}
            self.users[uid] = replace(user, s3_keys=left)
            self.keys.pop(access_key, None)

    async def remove_user(self, endpoint: RgwEndpoint, uid: str) -> bool:
        self._admit(endpoint)
        if uid in self.bucket_owners:
            return False
        self.writes.append(f"remove user {uid}")
        self.users.pop(uid, None)
        return True

    def _user(self, endpoint: RgwEndpoint, uid: str) -> RgwUser:
        self._admit(endpoint)
        if uid not in self.users:
            self._deny(endpoint, HTTPStatus.NOT_FOUND, "NoSuchUser")
        return self.users[uid]

    def _admit(self, endpoint: RgwEndpoint) -> None:
        if self.down:
            raise Unavailable("the RGW admin API does not answer", Reason.STORAGE_UNREACHABLE)
        if endpoint.access_key not in self.admins:
            self._deny(endpoint, HTTPStatus.FORBIDDEN, "InvalidAccessKeyId")
        if self.admins[endpoint.access_key] != endpoint.secret_key.get_secret_value():
            self._deny(endpoint, HTTPStatus.FORBIDDEN, "SignatureDoesNotMatch")
        if endpoint.access_key in self.powerless:
            self._deny(endpoint, HTTPStatus.FORBIDDEN, "AccessDenied")

    def _deny(self, endpoint: RgwEndpoint, status: HTTPStatus, code: str) -> NoReturn:
        finding = explain_admin_error(status, code, endpoint.url, endpoint.secret)
        assert isinstance(finding, Blocked)
        raise Refused(finding.reason, finding.message)
