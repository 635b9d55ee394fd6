"""The Secrets with the logins of robots: only where the administrator allows it, and only those of the robot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harbor_operator.api.project_robots import ProjectRobot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.project_robots import (
    foreign_login_secret,
    is_allowed,
    removal_failed,
    secret_failed,
    secret_not_allowed,
)
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.project_robots import LoginSecret, RobotKey, SecretPlace
from harbor_operator.plan.project_robots import leaving_robot, login_labels, secret_place
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.outcomes import BlockedError


class LoginSecrets:
    """`allowed` are pairs 'namespace of the registry/namespace of the Secret' of names or shell patterns.

    A namespace that does not answer or allow it concerns one robot only, so every error is a Refused.
    """

    def __init__(self, kube: NamespaceResources, allowed: tuple[str, ...]) -> None:
        self._kube = kube
        self._allowed = allowed

    async def read(self, registry: HarborRegistry, key: RobotKey, robot: ProjectRobot) -> StoredSecret | None:
        """Returns the Secret of a robot; BlockedError if it must not be written.

        None if it does not exist, or has the login of a robot for which the spec names another Secret: two robots can
        exchange their Secrets.
        """
        found, leaving = await self._find(registry, key, robot)
        return None if leaving else found

    async def write(self, registry: HarborRegistry, key: RobotKey, robot: ProjectRobot, secret: LoginSecret) -> None:
        """Makes the Secret contain the login; the write itself proves that it belongs to the robot.

        A Secret that another robot leaves is deleted first, because nothing else proves whose it is. BlockedError if
        that robot could not get its other Secret: it would have none.
        """
        place = secret.place
        _, leaving = await self._find(registry, key, robot)
        await self._require_other_secrets(registry, key, leaving)
        with _errors_of(key, place):
            if leaving:
                await self._kube.remove_secret(place.namespace, place.name, login_labels(registry, leaving[0]))
            await self._kube.apply_secret(place.namespace, place.name, secret.values, secret.labels, secret.type)

    async def _find(
        self, registry: HarborRegistry, key: RobotKey, robot: ProjectRobot
    ) -> tuple[StoredSecret | None, tuple[RobotKey, ProjectRobot] | None]:
        """Returns the Secret of a robot, and the robot that leaves it; BlockedError if it must not be written."""
        place = secret_place(registry, robot)
        if not is_allowed(registry, place.namespace, self._allowed):
            raise BlockedError(secret_not_allowed(registry, key, place))
        with _errors_of(key, place):
            found = await self._kube.read_secret(place.namespace, place.name)
        if found is None or found.belongs_to(login_labels(registry, key)):
            return found, None
        if leaving := leaving_robot(registry, place, found):
            return found, leaving
        raise BlockedError(foreign_login_secret(key, place))

    async def _require_other_secrets(
        self, registry: HarborRegistry, key: RobotKey, leaving: tuple[RobotKey, ProjectRobot] | None
    ) -> None:
        """Follows the robots that leave a Secret for the next one, until one is free or they exchange theirs."""
        seen = {key}
        while leaving and leaving[0] not in seen:
            seen.add(leaving[0])
            _, leaving = await self._find(registry, *leaving)

    async def remove(self, registry: HarborRegistry, key: RobotKey, place: SecretPlace) -> list[str]:
        """Deletes a Secret that belongs to the robot; leaves it where the registry must not write any more.

        Returns what was changed.
        """
        if not is_allowed(registry, place.namespace, self._allowed):
            return []
        labels = login_labels(registry, key)
        try:
            found = await self._kube.read_secret(place.namespace, place.name)
            if found is None or not found.belongs_to(labels):
                return []  # for example because another robot has taken it over
            await self._kube.remove_secret(place.namespace, place.name, labels)
        except (Refused, Unavailable) as error:
            raise BlockedError(removal_failed(registry, key, place, error.reason, str(error))) from error
        return [f"removed {place}"]


@contextmanager
def _errors_of(key: RobotKey, place: SecretPlace) -> Iterator[None]:
    try:
        yield
    except (Refused, Unavailable) as error:
        raise BlockedError(secret_failed(key, place, error.reason, str(error))) from error
