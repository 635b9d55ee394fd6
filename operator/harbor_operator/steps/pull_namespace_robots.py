"""The robots of scope Namespace: what each namespace may pull, and the key of their passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from pydantic import SecretStr

from harbor_operator.api.robot import Robot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_admin
from harbor_operator.checks.namespace_robots import robot_warnings
from harbor_operator.checks.pull_secrets import check_shared_projects
from harbor_operator.model.harbor import HarborEndpoint, Login, ObservedRobot
from harbor_operator.model.injection import DesiredContent
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.outcomes import CredentialFacts, PullSecretFacts, StatusWarning
from harbor_operator.model.robots import NamespaceRobotPolicy, RobotKey
from harbor_operator.plan import names
from harbor_operator.plan.namespace_robots import namespace_of, projects_of
from harbor_operator.plan.pull_secrets import image_hosts, robot_owner
from harbor_operator.plan.robot_key import (
    KEY,
    begin_rotation,
    end_rotation,
    is_requested,
    progress_patch,
    read_key,
    rotation_of,
)
from harbor_operator.plan.robot_rotation import is_distributed
from harbor_operator.ports import Unavailable
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.namespace_robots import DeclaredRobots, NamespaceRobotManager
from harbor_operator.steps.harbor_access import read_access, require_admin
from harbor_operator.steps.outcomes import raise_if_blocked

NO_KEY = RobotKey(SecretStr(""))
MAX_CONCURRENT_REMOVALS = 8
MAX_REMOVAL_ROUNDS = 3


class PullNamespaceRobots:
    """Observes projects and robots, and directs the manager of the robots."""

    def __init__(
        self,
        kube: NamespaceResources,
        harbor: Harbor,
        manager: NamespaceRobotManager,
        make_password: Callable[[], SecretStr],
    ) -> None:
        self._kube = kube
        self._harbor = harbor
        self._manager = manager
        self._make_password = make_password
        self._projects: dict[str, frozenset[str]] = {}
        self._keys: dict[str, RobotKey] = {}
        self._without_key: set[str] = set()

    async def declare(self, registry: HarborRegistry, robot: Robot, others: Mapping[str, Login]) -> DesiredContent:
        """Returns the contents of the pull Secrets; BlockedError if a shared project is missing.

        Lists projects and robots once for each check interval, and for a new request to rotate: passes that wait for
        robots send no request.
        """
        uid = registry.metadata.uid
        self._without_key.discard(uid)
        key = await self._ensure_key(registry)
        access = await read_access(self._kube, registry)
        admin = access.with_login(await require_admin(self._kube, registry))
        rotates = is_requested(registry, key)
        is_fresh = not rotates and self._manager.is_listed(uid, registry.spec.check_interval_seconds / 2)
        if uid not in self._projects or not is_fresh:
            identity = await self._harbor.read_identity(admin)
            # An anonymous list has the public projects only: what is missing in it still exists.
            raise_if_blocked(check_admin(registry, names.admin_secret(registry), identity))
            self._projects[uid] = frozenset(await self._harbor.read_project_names(admin))
        raise_if_blocked(check_shared_projects(robot.projects or (), self._projects[uid]))
        policy = _policy(registry, robot, key, self._projects[uid])
        declared = DeclaredRobots(admin, policy, image_hosts(registry), tuple(sorted(others.items())))
        contents = self._manager.declare(uid, declared)
        if not is_fresh:
            self._manager.begin_list(uid)
            listed = await self._harbor.read_robots(admin, names.cluster_digest(registry))
            self._manager.observe(uid, listed)
            if rotates:
                key = await self._store(registry, begin_rotation(registry, key, policy, listed))
                self._manager.declare(uid, replace(declared, policy=_policy(registry, robot, key, policy.existing)))
        self._keys[uid] = key
        return DesiredContent(contents=contents, version=self._manager.version(uid))

    def projects(self, registry: HarborRegistry, robot: Robot, namespace: ObservedNamespace) -> tuple[str, ...]:
        """Returns the projects that a namespace may pull from, as of the last list of projects."""
        existing = self._projects.get(registry.metadata.uid, frozenset())
        return projects_of(_policy(registry, robot, NO_KEY, existing), namespace)

    def reconcile(self, registry: HarborRegistry) -> None:
        """Starts the work on the robots, once the injection is declared."""
        self._manager.reconcile(registry.metadata.uid)

    async def finish_rotation(self, registry: HarborRegistry, progress: PullSecretFacts | None) -> int:
        """Completes a requested rotation; returns how many namespaces are still to be updated.

        Those whose rotation has failed do not count, but prevent the end.
        """
        uid = registry.metadata.uid
        key = self._keys[uid]
        if not key.open_request:
            return 0
        left = self._manager.left_to_rotate(uid)
        if not left and progress is not None and is_distributed(progress):
            self._keys[uid] = await self._store(registry, end_rotation(key))
        return max(0, left - len(self._manager.read(uid).failures))

    def repair(self, registry: HarborRegistry, failed: Collection[str]) -> None:
        """Sets the password again in namespaces that cannot pull any more."""
        self._manager.repair(registry.metadata.uid, frozenset(failed))
        if failed:
            self._manager.reconcile(registry.metadata.uid)

    def describe(self, registry: HarborRegistry, stored: CredentialFacts) -> CredentialFacts:
        """Returns what the status says about the robots, with what the Secret says."""
        observed = self._manager.read(registry.metadata.uid)
        rotated_at = observed.rotated_at or stored.rotated_at
        return replace(stored, expires_at=observed.expires_at, rotated_at=rotated_at)

    def warnings(self, registry: HarborRegistry) -> tuple[StatusWarning, ...]:
        """Returns why robots could not be replaced, and which replaced ones are still used."""
        return robot_warnings(self._manager.read(registry.metadata.uid))

    def suspend(self, registry: HarborRegistry) -> None:
        """Stops the work on the robots."""
        self._projects.pop(registry.metadata.uid, None)
        self._manager.withdraw(registry.metadata.uid)

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the robots that belong to this registry, then their key; does nothing without the key.

        Lists them again afterwards: Harbor can still execute a request whose answer did not arrive in time.
        """
        uid = registry.metadata.uid
        if uid in self._without_key:
            return
        self._projects.pop(uid, None)
        self._keys.pop(uid, None)
        await self._manager.stop(uid)
        namespace, secret = registry.metadata.namespace, names.robot_key_secret(registry)
        if await self._kube.read_secret(namespace, secret) is None:
            self._without_key.add(uid)
            return
        access = await read_access(self._kube, registry)
        admin = access.with_login(await require_admin(self._kube, registry))
        for _ in range(MAX_REMOVAL_ROUNDS):
            if not await self._remove_listed(registry, admin):
                break
        await self.remove_key(registry)

    async def remove_key(self, registry: HarborRegistry) -> None:
        """Deletes the Secret with the key."""
        namespace, owner = registry.metadata.namespace, names.owner_labels(registry)
        await self._kube.remove_secret(namespace, names.robot_key_secret(registry), owner)

    async def _ensure_key(self, registry: HarborRegistry) -> RobotKey:
        # Stored before any password is derived from it; a lost key gives every robot another password.
        stored = await self._kube.ensure_secret(
            registry.metadata.namespace,
            names.robot_key_secret(registry),
            lambda: {KEY: self._make_password()},
            names.owner_labels(registry),
        )
        return read_key(stored)

    async def _store(self, registry: HarborRegistry, key: RobotKey) -> RobotKey:
        """Stores how far a rotation is; raises Unavailable if the key has changed: a deleted one must not return."""
        namespace, secret = registry.metadata.namespace, names.robot_key_secret(registry)
        stored = await self._kube.read_secret(namespace, secret)
        if stored is None or stored.values.get(KEY) != key.key:
            raise Unavailable(
                f"the key in Secret '{namespace}/{secret}' was replaced during the pass; it is read again"
            )
        await self._kube.patch_secret(namespace, secret, progress_patch(key), stored.resource_version)
        return key

    async def _remove_listed(self, registry: HarborRegistry, admin: HarborEndpoint) -> int:
        """Deletes the robots that Harbor lists for this registry, and returns how many they were."""
        policy, limit = (
            _policy(registry, Robot(), NO_KEY, frozenset()),
            asyncio.Semaphore(MAX_CONCURRENT_REMOVALS),
        )

        async def remove(robot: ObservedRobot) -> None:
            async with limit:
                await self._harbor.remove_robot(admin, robot)

        listed = await self._harbor.read_robots(admin, names.cluster_digest(registry))
        ours = [found for found in listed if namespace_of(policy, found) is not None]
        await asyncio.gather(*map(remove, ours))
        return len(ours)


def _policy(registry: HarborRegistry, robot: Robot, key: RobotKey, existing: frozenset[str]) -> NamespaceRobotPolicy:
    return NamespaceRobotPolicy(
        stem=names.robot(registry),
        owner=robot_owner(registry),
        key=key.key,
        shared=tuple(robot.projects or ()),
        selectable=tuple(robot.selectable_projects),
        existing=existing,
        rotation=rotation_of(robot, key),
    )
