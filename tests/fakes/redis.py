"""Redis servers and Sentinels by address; a missing one does not answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from harbor_operator.model.cache import Address, Mode, ObservedCache, ObservedSentinel, RedisLogin
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason


@dataclass
class FakeNode:
    observed: ObservedCache
    password: str | None = None
    masters: dict[str, Address] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    """More users with the same password."""

    @property
    def accounts(self) -> set[tuple[str, str | None]]:
        return {("default", self.password), *((name, self.password) for name in self.users)}


@dataclass
class FakeRedis:
    """Servers by address; a test removes one to take it down."""

    nodes: dict[Address, FakeNode] = field(default_factory=dict)

    async def read(self, address: Address, login: RedisLogin) -> ObservedCache:
        return self._node(address, login).observed

    async def read_sentinel(self, address: Address, master: str) -> ObservedSentinel:
        try:
            node = self._node(address, RedisLogin())
        except Refused:
            return ObservedSentinel(requires_password=True)
        if node.observed.mode is not Mode.SENTINEL:
            return ObservedSentinel(is_sentinel=False)
        return ObservedSentinel(master=node.masters.get(master))

    def _node(self, address: Address, login: RedisLogin) -> FakeNode:
        node = self.nodes.get(address)
        if node is None:
            raise Unavailable(f"Redis at '{address.text}' does not answer", Reason.CACHE_UNREACHABLE)
        if (login.username or "default", _clear(login.password)) not in node.accounts:
            message = f"Redis at '{address.text}' rejected the login; correct {login.origin}"
            raise Refused(Reason.CACHE_CREDENTIALS_REJECTED, message)
        return node


def _clear(password: SecretStr | None) -> str | None:
    return password.get_secret_value() if password else None
