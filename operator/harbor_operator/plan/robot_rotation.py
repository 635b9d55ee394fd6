"""The rotation of the robot: what its Secret says, when the next generation is due, and when an earlier one can end.

A rotation takes these steps, each of which the next pass repeats after a crash:

1. The password of the next generation is stored in the Secret, then the robot is created and gets the password.
2. Harbor has accepted the new login: the Secret names it, and the injector distributes it. Both robots work.
3. No namespace waits for the new login any more: the time is stored.
4. The earlier robot was not used for `retireAfterSeconds`: it is disabled, and deleted as many seconds later.

A revocation takes the same steps without waiting: the earlier robots are deleted before step 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.pull_secrets import is_own_robot
from harbor_operator.model.harbor import DesiredRobot, Login, ObservedRobot
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import CredentialFacts, PullSecretFacts
from harbor_operator.model.robots import Candidate, Replaced, Retirement, RobotCredential
from harbor_operator.plan import names

USERNAME, PASSWORD = "username", "password"
NEXT_PASSWORD, NEXT_GENERATION = "next-password", "next-generation"
GENERATION, ROTATED_AT, EXPIRES_AT = "generation", "rotated-at", "expires-at"
RETIRES, DISTRIBUTED_AT = "retires", "distributed-at"
ROTATE_REQUEST, REVOKE_REQUEST = "rotate-request", "revoke-request"
_YES = "true"


def read_credential(stored: StoredSecret | None) -> RobotCredential:
    """Returns what the Secret says. A password without a username is a candidate, as earlier versions stored it."""
    if stored is None:
        return RobotCredential()
    values = {key: value.get_secret_value() for key, value in stored.values.items()}
    has_login = {USERNAME, PASSWORD} <= values.keys()
    password = stored.values.get(NEXT_PASSWORD) or (None if has_login else stored.values.get(PASSWORD))
    return RobotCredential(
        login=Login(values[USERNAME], stored.values[PASSWORD]) if has_login else None,
        generation=_number(values.get(GENERATION)),
        rotated_at=_moment(values.get(ROTATED_AT)) or (stored.changed_at if has_login else None),
        expires_at=_moment(values.get(EXPIRES_AT)),
        candidate=Candidate(_number(values.get(NEXT_GENERATION)), password) if password else None,
        retires=values.get(RETIRES) == _YES,
        distributed_at=_moment(values.get(DISTRIBUTED_AT)),
        rotate_request=values.get(ROTATE_REQUEST, ""),
        revoke_request=values.get(REVOKE_REQUEST, ""),
    )


def write_credential(credential: RobotCredential) -> dict[str, SecretStr]:
    """Returns the values of the Secret; what is not known has no key."""
    login, candidate = credential.login, credential.candidate
    texts = {
        USERNAME: login.username if login else "",
        GENERATION: str(credential.generation),
        ROTATED_AT: _text(credential.rotated_at),
        EXPIRES_AT: _text(credential.expires_at),
        NEXT_GENERATION: str(candidate.generation) if candidate else "",
        RETIRES: _YES if credential.retires else "",
        DISTRIBUTED_AT: _text(credential.distributed_at),
        ROTATE_REQUEST: credential.rotate_request,
        REVOKE_REQUEST: credential.revoke_request,
    }
    passwords = {PASSWORD: login.password if login else None, NEXT_PASSWORD: candidate.password if candidate else None}
    values = {key: SecretStr(text) for key, text in texts.items() if text}
    return values | {key: password for key, password in passwords.items() if password}


def generations(
    registry: HarborRegistry, desired: DesiredRobot, listed: Iterable[ObservedRobot]
) -> dict[int, ObservedRobot]:
    """Returns the robots of this registry by generation."""
    found: dict[int, ObservedRobot] = {}
    for robot in listed:
        generation = names.robot_generation(registry, robot.login)
        if generation is not None and is_own_robot(desired, robot):
            found[generation] = robot
    return found


def is_revoked(registry: HarborRegistry, credential: RobotCredential) -> bool:
    """Whether a revocation is requested that has not led to a new login yet."""
    request = registry.metadata.revoke_request
    return bool(request) and request != credential.revoke_request


class RotationPolicy(Protocol):
    """When the login of a robot is replaced; None = never."""

    @property
    def rotate_after_days(self) -> int | None:
        """Days after which a new login replaces the present one."""
        ...

    @property
    def expire_after_days(self) -> int | None:
        """Days after which Harbor rejects a login."""
        ...


def is_due(
    registry: HarborRegistry,
    policy: RotationPolicy,
    credential: RobotCredential,
    used: ObservedRobot | None,
    now: datetime,
) -> bool:
    """Whether a new login must replace the present one; `used` is its robot in Harbor."""
    if credential.login is None or is_revoked(registry, credential):
        return True
    request = registry.metadata.rotate_request
    if request and request != credential.rotate_request:
        return True
    age = now - credential.rotated_at if credential.rotated_at else timedelta()
    if policy.rotate_after_days is not None and age >= timedelta(days=policy.rotate_after_days):
        return True
    if policy.expire_after_days is None or used is None:
        return False
    if used.expires_at is None or used.duration_days > policy.expire_after_days:
        return True
    return now >= used.expires_at - timedelta(days=used.duration_days) / 3


def choose_candidate(
    registry: HarborRegistry, credential: RobotCredential, taken: Iterable[int], password: SecretStr
) -> RobotCredential:
    """Returns the credential with a candidate; `taken` are the generations that exist in Harbor.

    A revoked login, and one whose Secret is lost, gets another password at its robot: the earlier one then fails with
    one request. Otherwise the candidate belongs to a new robot.
    """
    known = set(taken)
    if credential.login is None:
        generation = max(known, default=credential.generation)
    elif is_revoked(registry, credential):
        generation = credential.generation
    else:
        generation = max(known | {credential.generation}) + 1
    return replace(credential, candidate=Candidate(generation, password))


def accept(
    registry: HarborRegistry, credential: RobotCredential, login: Login, *, retires: bool, now: datetime
) -> RobotCredential:
    """Returns the credential after Harbor has accepted its candidate, which answers every open request."""
    generation = credential.candidate.generation if credential.candidate else credential.generation
    return replace(
        credential,
        login=login,
        generation=generation,
        rotated_at=now,
        candidate=None,
        retires=retires,
        distributed_at=None,
        rotate_request=registry.metadata.rotate_request or credential.rotate_request,
        revoke_request=registry.metadata.revoke_request or credential.revoke_request,
    )


def describe_credential(credential: RobotCredential) -> CredentialFacts:
    """Returns what the status says about the credential."""
    return CredentialFacts(
        robot=credential.login.username if credential.login else None,
        expires_at=credential.expires_at,
        rotated_at=credential.rotated_at,
        rotate_request=credential.rotate_request,
        revoke_request=credential.revoke_request,
    )


def is_distributed(progress: PullSecretFacts) -> bool:
    """Whether each namespace has the present login, or is reported as failed."""
    return progress.ready + progress.failed >= progress.namespaces


def plan_retirement(earlier: ObservedRobot, last_use: datetime | None, replaced: Replaced, now: datetime) -> Retirement:
    """Returns what to do with a robot of an earlier generation; `last_use` is its last one in Harbor's audit log."""
    if not earlier.is_enabled:
        disabled_at = max(replaced.since, earlier.updated_at or replaced.since)
        return Retirement.DELETE if now >= disabled_at + replaced.grace else Retirement.WAIT
    if now < replaced.since + replaced.grace:
        return Retirement.WAIT
    return Retirement.IN_USE if last_use and now < last_use + replaced.grace else Retirement.DISABLE


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch("[1-9][0-9]{0,8}", text) else 1


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _text(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
