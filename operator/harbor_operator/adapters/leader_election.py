"""Leader election by a coordination Lease: one replica acts, the others wait.

Kopf's peering is no election: equal priorities pause every replica. The protocol is the one of client-go's
`leaderelection`: a Lease has expired when its record has not changed for its whole duration by the observer's own
clock, so that clocks of different nodes are never compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harbor_operator.adapters.kube_api import (
    ApiError,
    ApiRequest,
    Conflict,
    Manifest,
    NotFound,
    RequestBody,
    ResourceRef,
)
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.ports import Unavailable

LOG = logging.getLogger(__name__)
API_VERSION = "coordination.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class LeaderElectionConfig:
    """The Lease, the identity of this replica, and the duration of the Lease in seconds."""

    namespace: str
    name: str
    identity: str
    duration_seconds: float = 15.0

    @property
    def renew_seconds(self) -> float:
        """Interval of the holder: four tries before another replica may take over."""
        return self.duration_seconds / 4

    @property
    def retry_seconds(self) -> float:
        """Interval of a waiting replica."""
        return self.duration_seconds / 8

    @property
    def ref(self) -> ResourceRef:
        """The Lease in the API."""
        return ResourceRef(API_VERSION, "leases", self.namespace, self.name)


class LeaderElector:
    """Acquires a Lease, renews it, and reports its loss.

    Give it a client of its own: a Lease that waits behind other requests for a connection is lost under load.
    """

    def __init__(
        self,
        client: KubernetesClient,
        config: LeaderElectionConfig,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._config = config
        self._now = now
        self._monotonic = monotonic
        self._renewed_at = 0.0
        self._observed: tuple[dict[str, Any], float] | None = None
        """The record of another holder, and when it was first seen; None while the Lease is ours."""

    @property
    def held(self) -> bool:
        """Whether this replica holds the Lease, by its own clock and without asking the server."""
        return self._renewed_at > 0 and self._monotonic() - self._renewed_at < self._config.duration_seconds

    @property
    def lost_to_other(self) -> bool:
        """Whether another replica was seen to hold the Lease; a server that does not answer is not yet a loss."""
        return self._observed is not None

    async def acquire(self, stop: asyncio.Event) -> bool:
        """Returns True once this replica holds the Lease, however long that takes; False when `stop` is set before."""
        config = self._config
        LOG.info("waiting for lease %s/%s as '%s'", config.namespace, config.name, config.identity)
        while not stop.is_set():
            # `stop` is not checked during a try: a cancelled try might leave a Lease that no replica renews.
            if await self._try_acquire_or_renew():
                LOG.info("acquired lease %s/%s", config.namespace, config.name)
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), config.retry_seconds)
        return False

    async def renew_loop(self) -> None:
        """Renews the Lease; returns when it is lost, which means: stop acting at once."""
        while self.held:
            await asyncio.sleep(self._config.renew_seconds)
            if not await self._try_acquire_or_renew() and self.lost_to_other:
                return

    async def release(self) -> None:
        """Clears the holder of the Lease, so that the next replica need not wait until it expires."""
        if not self.held:
            return
        self._renewed_at = 0.0
        try:
            lease = await self._read()
            if lease is not None and lease["spec"].get("holderIdentity") == self._config.identity:
                await self._update(lease, holder="")
        except Unavailable:
            LOG.warning("lease %s was not released; it expires by itself", self._config.name)

    async def _try_acquire_or_renew(self) -> bool:
        """Returns False when another replica holds the Lease or the server does not answer."""
        asked_at = self._monotonic()
        try:
            acquired = await self._acquire_or_renew()
        except Unavailable as error:
            LOG.warning("lease %s: %s", self._config.name, error)
            return False
        if acquired:
            # The time before the request: when the answer arrives, other replicas may have counted further.
            self._renewed_at = asked_at
            self._observed = None
        return acquired

    async def _acquire_or_renew(self) -> bool:
        lease = await self._read()
        if lease is None:
            manifest = {"apiVersion": API_VERSION, "kind": "Lease", "metadata": {"name": self._config.name}}
            return await self._write("create", {**manifest, "spec": self._spec({}, self._config.identity)})
        self._observe(lease["spec"])
        return self.can_acquire(lease["spec"]) and await self._update(lease, self._config.identity)

    def _observe(self, spec: dict[str, Any]) -> None:
        """Records since when the record of another holder has not changed."""
        if spec.get("holderIdentity") in {"", None, self._config.identity}:
            self._observed = None
        elif self._observed is None or self._observed[0] != spec:
            self._observed = (spec, self._monotonic())

    def can_acquire(self, spec: dict[str, Any]) -> bool:
        """Whether the Lease is free, ours, or has not changed for its whole duration."""
        if self._observed is None:
            return True
        lifetime = max(float(spec.get("leaseDurationSeconds") or 0), self._config.duration_seconds)
        return self._monotonic() - self._observed[1] > lifetime

    async def _read(self) -> Manifest | None:
        lease = await self._send("get")
        if isinstance(lease, NotFound):
            return None
        if isinstance(lease, ApiError):
            raise Unavailable(lease.message)
        return lease

    async def _update(self, lease: Manifest, holder: str) -> bool:
        return await self._write("update", {**lease, "spec": self._spec(lease["spec"], holder)})

    async def _write(self, verb: str, lease: Manifest) -> bool:
        """Returns False on a conflict: another replica was faster."""
        answer = await self._send(verb, RequestBody.plain(lease))
        if isinstance(answer, ApiError) and not isinstance(answer, Conflict):
            raise Unavailable(answer.message)
        return not isinstance(answer, ApiError)

    async def _send(self, verb: str, body: RequestBody | None = None) -> Manifest | ApiError:
        config = self._config
        return await self._client.send_plain(
            ApiRequest(verb, config.ref, body=body, timeout_seconds=config.renew_seconds)
        )

    def _spec(self, before: dict[str, Any], holder: str) -> dict[str, Any]:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changed = before.get("holderIdentity") != holder
        return {
            **before,
            "holderIdentity": holder,
            "leaseDurationSeconds": math.ceil(self._config.duration_seconds),  # the server accepts whole seconds only
            "renewTime": now,
            "acquireTime": now if changed else before.get("acquireTime", now),
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (1 if changed and before else 0),
        }
