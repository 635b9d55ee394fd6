"""Leader election by a coordination Lease: one replica acts, the others wait.

Kopf's peering is no election: equal priorities pause everybody. The protocol is the one
of client-go: a lease is dead when its record has not changed for its whole duration by the observer's own clock, so
that clocks of different nodes are never compared.
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

from harbor_operator.adapters.kube_api import ApiError, Conflict, Manifest, NotFound, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.ports import Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaderElectionConfig:
    """Which lease, who we are, and its times in seconds."""

    namespace: str
    name: str
    identity: str
    duration: float = 15.0

    @property
    def renew_every(self) -> float:
        """Four tries before others may think us dead."""
        return self.duration / 4

    @property
    def retry_every(self) -> float:
        """How often a waiting replica looks."""
        return self.duration / 8

    @property
    def path(self) -> str:
        """Path of the Lease in the API."""
        return f"{self.collection}/{self.name}"

    @property
    def collection(self) -> str:
        """Path of all Leases of the namespace."""
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"


class LeaderElector:
    """Takes a Lease, keeps it, and says when it is lost."""

    def __init__(
        self,
        http: KubernetesClient,
        terms: LeaderElectionConfig,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._terms = terms
        self._now = now
        self._monotonic = monotonic
        self._renewed = 0.0
        self._seen: tuple[dict[str, Any], float] | None = None

    @property
    def held(self) -> bool:
        """Whether we hold the lease, by our own clock and without asking."""
        return self._renewed > 0 and self._monotonic() - self._renewed < self._terms.duration

    async def acquire(self, stop: asyncio.Event) -> bool:
        """Returns True once the lease is ours, however long that takes, and False when `stop` is set before."""
        log.info("waiting for lease %s/%s", self._terms.namespace, self._terms.name)
        while not stop.is_set():
            # Looked at between two tries and never during one: a try cut short might leave a lease that nobody keeps.
            if await self._try():
                log.info("lease %s/%s is ours", self._terms.namespace, self._terms.name)
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._terms.retry_every)
        return False

    async def hold(self) -> None:
        """Renews the lease; returns when it is lost, which means: stop acting at once."""
        while self.held:
            await asyncio.sleep(self._terms.renew_every)
            if not await self._try() and self._taken():
                return

    async def release(self) -> None:
        """Gives the lease back, so that the next replica need not wait for it to die."""
        if not self.held:
            return
        self._renewed = 0.0
        try:
            lease = await self._read()
            if lease is not None and lease["spec"].get("holderIdentity") == self._terms.identity:
                await self._put(lease, holder="")
        except Unavailable:
            log.warning("lease %s was not given back; it dies by itself", self._terms.name)

    async def _try(self) -> bool:
        """Takes or renews the lease; False when somebody else has it or the server does not answer."""
        asked = self._monotonic()
        try:
            taken = await self._take()
        except Unavailable as error:
            log.warning("lease %s: %s", self._terms.name, error)
            return False
        if taken:
            # The moment before asking: by the time the answer is here, others may have counted further.
            self._renewed = asked
        return taken

    async def _take(self) -> bool:
        lease = await self._read()
        if lease is None:
            manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self._terms.name}}
            spec = self._spec({}, self._terms.identity)
            body = RequestBody.plain({**manifest, "spec": spec})
            return _taken_over(await self._http.request("POST", self._terms.collection, body=body))
        return self._may_take(lease["spec"]) and await self._put(lease, self._terms.identity)

    def _may_take(self, spec: dict[str, Any]) -> bool:
        if spec.get("holderIdentity") in {"", None, self._terms.identity}:
            return True
        now = self._monotonic()
        if self._seen is None or self._seen[0] != spec:
            self._seen = (spec, now)
        lifetime = max(float(spec.get("leaseDurationSeconds") or 0), self._terms.duration)
        return now - self._seen[1] > lifetime

    def _taken(self) -> bool:
        """Whether somebody else holds what we believed to hold; a silent server is not yet a loss."""
        return self._seen is not None and self._seen[0].get("holderIdentity") != self._terms.identity

    async def _read(self) -> Manifest | None:
        lease = await self._http.request("GET", self._terms.path, deadline=self._terms.renew_every)
        if isinstance(lease, NotFound):
            return None
        if isinstance(lease, ApiError):
            raise Unavailable(lease.message)
        return lease

    async def _put(self, lease: Manifest, holder: str) -> bool:
        spec = self._spec(lease["spec"], holder)
        body = RequestBody.plain({**lease, "spec": spec})
        answer = await self._http.request("PUT", self._terms.path, body=body, deadline=self._terms.renew_every)
        return _taken_over(answer)

    def _spec(self, before: dict[str, Any], holder: str) -> dict[str, Any]:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changed = before.get("holderIdentity") != holder
        return {
            **before,
            "holderIdentity": holder,
            "leaseDurationSeconds": math.ceil(self._terms.duration),  # the server knows whole seconds only
            "renewTime": now,
            "acquireTime": now if changed else before.get("acquireTime", now),
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (1 if changed and before else 0),
        }


def _taken_over(answer: Manifest | ApiError) -> bool:
    """Whether the write was taken; a conflict means that somebody was faster."""
    if isinstance(answer, ApiError) and not isinstance(answer, Conflict):
        raise Unavailable(answer.message)
    return not isinstance(answer, ApiError)
