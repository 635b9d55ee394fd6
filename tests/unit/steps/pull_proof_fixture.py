"""Namespaces with injected pull Secrets, and a Harbor that records the trial pulls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.outcomes import Outcome
from harbor_operator.model.reachability import PullResult
from harbor_operator.plan.pull_secrets import docker_config
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.unit.steps.pull_secrets_fixture import (
    PROOF_INTERVAL_SECONDS,
    PullSecretsFixture,
    registry,
)


class PulledHarbor(FakeHarbor):
    """Records the logins and images of the trial pulls.

    `result` replaces the answer, `silent` answers no pull, and `before_login` runs before each login.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pulled: list[tuple[str, str | None]] = []
        self.result: PullResult | None = None
        self.silent = False
        self.before_login: Callable[[], None] = lambda: None

    @override
    async def try_login(self, endpoint: HarborEndpoint) -> bool:
        self.before_login()
        return await super().try_login(endpoint)

    @override
    async def try_pull(self, endpoint: HarborEndpoint, manifest: str | None) -> PullResult:
        if self.silent:
            raise Unavailable("no answer in 20 seconds", Reason.REGISTRY_UNREACHABLE)
        assert endpoint.login is not None
        self.pulled.append((endpoint.login.username, manifest))
        return self.result or await super().try_pull(endpoint, manifest)


class ProofFixture(PullSecretsFixture):
    """Namespaces that contain the pull Secret as the step declares it."""

    def __init__(self, *names: str, sample_size: int = 3, wanted: HarborRegistry | None = None) -> None:
        self.pulls = PulledHarbor()
        super().__init__(harbor=self.pulls, sample_size=sample_size)
        self.wanted = wanted or registry()
        self.add(*names)

    def add(self, *names: str) -> None:
        self.injection.ready += [ObservedNamespace(name, 1, {}) for name in names]

    async def run(self) -> Outcome:
        """The pass that declares the injection, and one after the injector has written what it declares."""
        ready, self.injection.ready = self.injection.ready, []
        await self.step.reconcile(self.wanted)
        self.injection.ready = ready
        declared = self.injection.desired["uid-1"]
        assert declared.docker_config is not None
        for one in ready:
            self.injected.contents[one.name] = declared.docker_config.get_secret_value()
        return await self.step.reconcile(self.wanted)

    async def later(self, seconds: float = PROOF_INTERVAL_SECONDS) -> Outcome:
        self.harbor.now += timedelta(seconds=seconds)
        self.injected.reads.clear()
        self.pulls.pulled.clear()
        return await self.step.reconcile(self.wanted)

    def break_login(self, namespace: str) -> None:
        login = Login("admin", self.injection.desired["uid-1"].docker_config or pytest.fail("nothing is declared"))
        self.injected.contents[namespace] = docker_config(self.wanted, login).get_secret_value()


def project(*names: str, **settings: Any) -> StoredProject:
    return StoredProject(9, public=False, images=list(names), **settings)
