"""The Cache step: checks that Harbor can use the Redis, and writes nothing to it."""

from __future__ import annotations

from harbor_operator.api.backends import Cache
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks import cache as checks
from harbor_operator.model.cache import Address, DesiredCache, RedisLogin
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Outcome, Pending, StatusWarning
from harbor_operator.plan.cache import plan_cache
from harbor_operator.ports import Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.redis import Redis
from harbor_operator.steps.references import read_credentials

_PASSWORD = "spec.cache.passwordSecretRef"  # noqa: S105 - the path of a field


class CacheStep:
    """Observes an existing Redis or Valkey as Harbor connects to it."""

    condition_type = ConditionType.CACHE
    depends_on: tuple[ConditionType, ...] = ()

    def __init__(self, kube: NamespaceResources, redis: Redis) -> None:
        self._kube = kube
        self._redis = redis

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns Done if one primary with enough logical databases answers."""
        if registry.spec.cache is None:
            return NOT_REQUESTED
        login = await self._login(registry, registry.spec.cache)
        desired = plan_cache(registry)
        found = await self._find_primary(desired)
        if not isinstance(found, tuple):
            return found
        primary, warnings = found
        observed = await self._redis.read(primary, login)
        if blocked := checks.check_cache(primary, observed):
            return blocked
        via = f", found through master set '{desired.sentinel_master}'," if desired.is_sentinel else ""
        message = f"{observed.product} at '{primary.text}'{via} is a primary with the logical databases Harbor needs"
        return Done(message, warnings=(*warnings, *checks.cache_warnings(primary, observed)))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Returns Done: nothing was created, so nothing is removed."""
        return Done("nothing was created in the cache") if registry.spec.cache else NOT_REQUESTED

    async def _login(self, registry: HarborRegistry, cache: Cache) -> RedisLogin:
        ref = cache.password_secret_ref
        if ref is None:
            return RedisLogin(tls=cache.tls)
        (password,) = await read_credentials(self._kube, registry, ref, _PASSWORD, [ref.key])
        return RedisLogin(password, cache.tls, f"key '{ref.key}' of Secret '{ref.name}' (`{_PASSWORD}`)")

    async def _find_primary(
        self, desired: DesiredCache
    ) -> tuple[Address, tuple[StatusWarning, ...]] | Blocked | Pending:
        if not desired.is_sentinel:
            return desired.addresses[0], ()
        masters: dict[Address, Address] = {}
        silent: dict[Address, Unavailable] = {}
        for address in desired.addresses:
            try:
                observed = await self._redis.read_sentinel(address, desired.sentinel_master)
            except Unavailable as error:
                silent[address] = error
                continue
            if blocked := checks.check_sentinel(address, desired.sentinel_master, observed):
                return blocked
            if observed.master:
                masters[address] = observed.master
        if not masters:
            raise silent[desired.addresses[0]]
        disagreement = checks.check_sentinels_agree(masters)
        warnings = checks.silent_sentinel_warnings({address: str(error) for address, error in silent.items()})
        return disagreement or (next(iter(masters.values())), warnings)
