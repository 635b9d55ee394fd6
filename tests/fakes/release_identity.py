"""Tokens of service accounts without an API server."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.model.release import ListedObject
from harbor_operator.ports.release_identity import ReleaseIdentity


class FakeReleaseIdentity(ReleaseIdentity):
    """Issues tokens that say whose they are and how many came before; `error` makes it refuse."""

    def __init__(self) -> None:
        self.issued: list[tuple[str, int]] = []
        self.error: Exception | None = None

    @override
    async def issue_token(self, namespace: str, service_account: str, lifetime_seconds: int) -> SecretStr:
        if self.error:
            raise self.error
        self.issued.append((f"{namespace}/{service_account}", lifetime_seconds))
        return SecretStr(f"token-{len(self.issued)}-of-{namespace}-{service_account}")

    @override
    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        return None
