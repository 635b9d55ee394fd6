"""The InjectedSecrets port in memory."""

from __future__ import annotations

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.plan.docker_config import encode
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.injected_secrets import InjectedSecrets


class FakeInjectedSecrets(InjectedSecrets):
    """`contents` are the texts of `.dockerconfigjson` by namespace, `reads` the namespaces that were read."""

    def __init__(self) -> None:
        self.contents: dict[str, str] = {}
        self.reads: list[str] = []
        self.failure: Unavailable | Refused | None = None

    @override
    async def read_pull_secret(self, namespace: str, name: str) -> SecretStr | None:
        if self.failure is not None:
            raise self.failure
        self.reads.append(namespace)
        content = self.contents.get(namespace)
        return None if content is None else SecretStr(encode(content))
