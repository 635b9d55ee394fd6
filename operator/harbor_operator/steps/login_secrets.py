"""The Secrets with the logins of robots: only where the administrator allows it, and only those of the robot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harbor_operator.api.project_robots import ProjectRobot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.project_robots import (
    check_login_secret,
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
from harbor_operator.steps.outcomes import BlockedError, raise_if_blocked


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
        place = secret_place(registry, robot)
        if not is_allowed(registry, place.namespace, self._allowed):
            raise BlockedError(secret_not_allowed(registry, key, place))
        with _errors_of(key, place):
            found = await self._kube.read_secret(place.namespace, place.name)
        if found is not None and leaving_robot(registry, place, found):
            return None
        raise_if_blocked(check_login_secret(key, place, login_labels(registry, key), found))
        return found

    async def write(self, registry: HarborRegistry, key: RobotKey, secret: LoginSecret) -> None:
        """Makes the Secret contain the login; the write itself proves that it belongs to the robot.

        A Secret that another robot leaves is deleted first, because nothing else proves whose it is.
        """
        place = secret.place
        with _errors_of(key, place):
            found = await self._kube.read_secret(place.namespace, place.name)
            if found is not None and (other := leaving_robot(registry, place, found)):
                await self._kube.remove_secret(place.namespace, place.name, login_labels(registry, other))
            await self._kube.apply_secret(place.namespace, place.name, secret.values, secret.labels, secret.type)

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
