"""How the PullSecrets step directs the robots of namespaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harbor_operator.model.harbor import HarborEndpoint, Login, ObservedRobot
from harbor_operator.model.injection import NamespaceContents
from harbor_operator.model.robots import NamespaceRobotFacts, NamespaceRobotPolicy


@dataclass(frozen=True, slots=True)
class DeclaredRobots:
    """The robots that a registry wants: Harbor as the administrator, the policy, and the content beside their logins.

    `hosts` are those of Harbor in image references, `others` the logins of other registries by host.
    """

    admin: HarborEndpoint
    policy: NamespaceRobotPolicy
    hosts: tuple[str, ...]
    others: tuple[tuple[str, Login], ...]


class NamespaceRobotManager(Protocol):
    """Keeps a robot for each namespace of a registry, in the background. Every method but `stop` returns at once."""

    def declare(self, registry_uid: str, declared: DeclaredRobots) -> NamespaceContents:
        """Sets what a registry wants; returns the contents of its pull Secrets, always the same object."""
        ...

    def is_listed(self, registry_uid: str, max_age_seconds: float) -> bool:
        """Whether the robots of a registry were observed no longer ago than that."""
        ...

    def begin_list(self, registry_uid: str) -> None:
        """Must be called before the list for `observe` is requested: it can lack robots that are created meanwhile."""
        ...

    def observe(self, registry_uid: str, robots: Sequence[ObservedRobot]) -> None:
        """Takes the robots of a registry as Harbor lists them."""
        ...

    def version(self, registry_uid: str) -> bytes:
        """Returns a digest of everything that the contents of all namespaces depend on."""
        ...

    def reconcile(self, registry_uid: str) -> None:
        """Starts to create, correct, replace and delete robots, once the namespaces of the registry are known."""
        ...

    def repair(self, registry_uid: str, failed: frozenset[str]) -> None:
        """Sets the password again in the namespaces whose pulls failed since the last call; `reconcile` starts it."""
        ...

    def left_to_rotate(self, registry_uid: str) -> int:
        """Returns in how many namespaces the login is still that of a robot that a request wants to be replaced."""
        ...

    def read(self, registry_uid: str) -> NamespaceRobotFacts:
        """Returns what is known of the robots of a registry; nothing before they are listed."""
        ...

    def withdraw(self, registry_uid: str) -> None:
        """Stops all work for a registry; its robots stay."""
        ...

    async def stop(self, registry_uid: str) -> None:
        """Like `withdraw`, and waits until no request for a robot of the registry is in progress.

        A list that is requested afterwards contains every robot that this process has created.
        """
        ...
