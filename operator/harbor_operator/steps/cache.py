"""The Cache step: proves that Harbor can use the Redis, and writes nothing to it."""

from __future__ import annotations

from harbor_operator.api.backends import Cache
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.diagnosis import cache as diagnosis
from harbor_operator.diagnosis.cache import Address
from harbor_operator.outcomes import NOT_REQUESTED, Aspect, Blocked, Caution, Done, Outcome, Pending
from harbor_operator.plan.cache import CacheWish, plan_cache
from harbor_operator.ports import Unavailable
from harbor_operator.ports.kube import Kube
from harbor_operator.ports.redis import Redis, RedisLogin
from harbor_operator.steps.references import read_values

_PASSWORD = "spec.cache.passwordSecretRef"  # noqa: S105 - the path of a field


class CacheStep:
    """Looks at an existing Redis or Valkey with the eyes of Harbor."""

    aspect = Aspect.CACHE
    needs: tuple[Aspect, ...] = ()

    def __init__(self, kube: Kube, redis: Redis) -> None:
        self._kube = kube
        self._redis = redis

    async def converge(self, registry: HarborRegistry) -> Outcome:
        """Returns Done if one primary with enough logical databases answers."""
        if registry.spec.cache is None:
            return NOT_REQUESTED
        login = await self._login(registry, registry.spec.cache)
        wish = plan_cache(registry)
        found = await self._find_primary(wish)
        if not isinstance(found, tuple):
            return found
        primary, cautions = found
        seen = await self._redis.read(primary, login)
        if obstacle := diagnosis.obstacle(primary, seen):
            return obstacle
        via = f", found through master set '{wish.sentinel_master}'," if wish.is_sentinel else ""
        message = f"{seen.product} at '{primary.text}'{via} is a primary with the logical databases Harbor needs"
        return Done(message, cautions=(*cautions, *diagnosis.cautions(primary, seen)))

    async def dismantle(self, registry: HarborRegistry) -> Outcome:
        """Returns Done: nothing was made, so nothing is removed."""
        return Done("nothing was made in the cache") if registry.spec.cache else NOT_REQUESTED

    async def _login(self, registry: HarborRegistry, cache: Cache) -> RedisLogin:
        ref = cache.password_secret_ref
        if ref is None:
            return RedisLogin(tls=cache.tls)
        (password,) = await read_values(self._kube, registry, ref, _PASSWORD, [ref.key])
        return RedisLogin(password, cache.tls, f"key '{ref.key}' of Secret '{ref.name}' (`{_PASSWORD}`)")

    async def _find_primary(self, wish: CacheWish) -> tuple[Address, tuple[Caution, ...]] | Blocked | Pending:
        if not wish.is_sentinel:
            return wish.addresses[0], ()
        masters: dict[Address, Address] = {}
        silent: dict[Address, Unavailable] = {}
        for address in wish.addresses:
            try:
                seen = await self._redis.read_sentinel(address, wish.sentinel_master)
            except Unavailable as trouble:
                silent[address] = trouble
                continue
            if obstacle := diagnosis.sentinel_obstacle(address, wish.sentinel_master, seen):
                return obstacle
            if seen.master:
                masters[address] = seen.master
        if not masters:
            raise silent[wish.addresses[0]]
        split = diagnosis.split_view(masters)
        warned = diagnosis.silent_sentinels({address: str(trouble) for address, trouble in silent.items()})
        return split or (next(iter(masters.values())), warned)
