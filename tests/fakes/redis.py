"""Redis servers and Sentinels by address; a missing one does not answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from harbor_operator.diagnosis.cache import Address, CacheSeen, Mode, SentinelSeen
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.redis import RedisLogin
from harbor_operator.reasons import Reason


@dataclass
class FakeNode:
    seen: CacheSeen
    password: str | None = None
    masters: dict[str, Address] = field(default_factory=dict)


@dataclass
class FakeRedis:
    """The world; taking a node out of it is how a server goes down."""

    nodes: dict[Address, FakeNode] = field(default_factory=dict)

    async def read(self, address: Address, login: RedisLogin) -> CacheSeen:
        return self._node(address, login).seen

    async def read_sentinel(self, address: Address, master: str) -> SentinelSeen:
        try:
            node = self._node(address, RedisLogin())
        except Refused:
            return SentinelSeen(requires_password=True)
        if node.seen.mode is not Mode.SENTINEL:
            return SentinelSeen(is_sentinel=False)
        return SentinelSeen(master=node.masters.get(master))

    def _node(self, address: Address, login: RedisLogin) -> FakeNode:
        node = self.nodes.get(address)
        if node is None:
            raise Unavailable(f"Redis at '{address.text}' does not answer", Reason.CACHE_UNREACHABLE)
        if _clear(login.password) != node.password:
            message = f"Redis at '{address.text}' rejected us; correct {login.origin}"
            raise Refused(Reason.CACHE_CREDENTIALS_REJECTED, message)
        return node


def _clear(password: SecretStr | None) -> str | None:
    return password.get_secret_value() if password else None
