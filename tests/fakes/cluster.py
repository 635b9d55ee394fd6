"""An in-memory cluster that behaves like the API server, for the injector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from msgspec.structs import replace
from typing_extensions import override

from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Deleted, Kind, ObservedObject, Source, Synced, WatchEvent
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pull_secrets import PullSecretApi
from harbor_operator.reasons import Reason

FOREIGN = digest_of("foreign")


class FakeCluster(PullSecretApi):
    """Implements the port; the other methods are what users and controllers do."""

    def __init__(self) -> None:
        self.revision = 0
        self.namespaces: dict[str, ObservedNamespace] = {}
        self.secrets: dict[tuple[str, str], ObservedSecret] = {}
        self.accounts: dict[tuple[str, str], ObservedServiceAccount] = {}
        self.writes: list[str] = []
        self.contents: dict[tuple[str, str], str] = {}
        self.history: list[tuple[Kind, WatchEvent]] = []
        self.failure: Unavailable | Refused | None = None
        self.refused_sources: set[Source] = set()
        self._ours: set[tuple[str, str]] = set()
        self._finalized: set[tuple[str, str]] = set()
        self._listeners: list[asyncio.Event] = []

    # The port

    @override
    async def watch(self, source: Source) -> AsyncGenerator[WatchEvent, None]:
        if source in self.refused_sources:
            raise Refused(Reason.RIGHTS_MISSING, f"the API server does not allow `watch` {source.kind}")
        position = len(self.history)
        changed = asyncio.Event()
        self._listeners.append(changed)
        for event in self.listing(source):
            yield event
        while True:
            while position < len(self.history):
                kind, event = self.history[position]
                position += 1
                if matches(source, kind, event):
                    yield event
            changed.clear()
            await changed.wait()

    @override
    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> ObservedSecret | None:
        self._admit(f"apply {namespace}/{secret.name}")
        key = (namespace, secret.name)
        before = self.secrets.get(key)
        digest = digest_of(encode(secret.docker_config.get_secret_value()))
        if self._is_closed(namespace) or secret.replaces != (before.uid if before and secret.replaces else ""):
            return None
        if before and not secret.replaces and key not in self._ours and before.digest != digest:
            return None
        if before and before.immutable and before.digest != digest:
            raise Refused(Reason.NAMESPACES_FAILED, f"Secret '{secret.name}' is immutable")
        self._ours.add(key)
        self.contents[key] = secret.docker_config.get_secret_value()
        uid = before.uid if before else f"uid-{self.revision + 1}"
        after = ObservedSecret(
            namespace,
            secret.name,
            uid,
            0,
            secret.registry_uid,
            secret.registry_key,
            digest,
            labelled=True,
            adopted=secret.adopted,
        )
        if before and replace(before, revision=0) == after:
            return before
        return self._store_secret(after)

    @override
    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> ObservedSecret | None:
        self._admit(f"delete {namespace}/{name}")
        observed = self.secrets.get((namespace, name))
        if observed is None or observed.uid != uid:
            return None
        self.delete_secret(namespace, name)
        return self.secrets.get((namespace, name))

    @override
    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        self._admit(f"patch {wanted.namespace}/{wanted.name}")
        observed = self.accounts.get((wanted.namespace, wanted.name))
        if observed is None or observed.revision != wanted.revision:
            return None
        return self._store_account(wanted)

    # Users and controllers

    def add_namespace(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        terminating: bool = False,
        projects: str | None = None,
        inject: str = "",
    ) -> None:
        self.revision += 1
        shown = dict(labels or {})
        observed = ObservedNamespace(name, self.revision, shown, terminating, projects=projects, inject=inject)
        self.namespaces[name] = observed
        self._publish(Kind.NAMESPACES, observed)

    def delete_namespace(self, name: str) -> None:
        for key in [key for key in self.secrets if key[0] == name]:
            self.delete_secret(*key)
        for key in [key for key in self.accounts if key[0] == name]:
            self.delete_account(*key)
        self.revision += 1
        del self.namespaces[name]
        self._publish(Kind.NAMESPACES, Deleted(name, name, self.revision))

    def put_account(
        self, namespace: str, name: str, references: tuple[str, ...] = (), *, opted_out: bool = False
    ) -> ObservedServiceAccount:
        """Writes the list as another client does: our annotation stays."""
        before = self.accounts.get((namespace, name))
        attached = before.attached if before else ()
        return self._store_account(
            ObservedServiceAccount(namespace, name, 0, references, attached, opted_out=opted_out)
        )

    def delete_account(self, namespace: str, name: str) -> None:
        self.revision += 1
        del self.accounts[namespace, name]
        self._publish(Kind.ACCOUNTS, Deleted(namespace, name, self.revision))

    def put_secret(self, namespace: str, name: str, *, owner: str = "", immutable: bool = False) -> ObservedSecret:
        """Creates a Secret as another client, or overwrites the content of an existing one."""
        self._ours.discard((namespace, name))
        before = self.secrets.get((namespace, name))
        uid = before.uid if before else f"uid-{self.revision + 1}"
        digest = b"" if immutable else FOREIGN
        return self._store_secret(
            ObservedSecret(namespace, name, uid, 0, owner, digest=digest, labelled=bool(owner), immutable=immutable)
        )

    def finalize_secret(self, namespace: str, name: str) -> None:
        """Puts a finalizer on a Secret: its deletion then does not end."""
        self._finalized.add((namespace, name))

    def delete_secret(self, namespace: str, name: str) -> None:
        if (namespace, name) in self._finalized:
            self._store_secret(replace(self.secrets[namespace, name], terminating=True))
            return
        self.revision += 1
        self._ours.discard((namespace, name))
        del self.secrets[namespace, name]
        self._publish(Kind.SECRETS, Deleted(namespace, name, self.revision))

    def listing(self, source: Source) -> list[WatchEvent]:
        """Returns the events of a full list."""
        objects: Mapping[tuple[str, str], ObservedObject]
        if source.kind is Kind.NAMESPACES:
            objects = {(name, name): observed for name, observed in self.namespaces.items()}
        else:
            objects = self.secrets if source.kind is Kind.SECRETS else self.accounts
        found = {key: observed for key, observed in objects.items() if source.name in {"", key[1]}}
        return [*found.values(), Synced(self.revision, frozenset(found))]

    def _store_secret(self, observed: ObservedSecret) -> ObservedSecret:
        self.revision += 1
        stored = replace(observed, revision=self.revision)
        self.secrets[observed.namespace, observed.name] = stored
        self._publish(Kind.SECRETS, stored)
        return stored

    def _store_account(self, observed: ObservedServiceAccount) -> ObservedServiceAccount:
        self.revision += 1
        stored = replace(observed, revision=self.revision)
        self.accounts[observed.namespace, observed.name] = stored
        self._publish(Kind.ACCOUNTS, stored)
        return stored

    def _is_closed(self, namespace: str) -> bool:
        return namespace not in self.namespaces or self.namespaces[namespace].terminating

    def _admit(self, write: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.writes.append(write)

    def _publish(self, kind: Kind, event: WatchEvent) -> None:
        self.history.append((kind, event))
        for listener in self._listeners:
            listener.set()


def matches(source: Source, kind: Kind, event: WatchEvent) -> bool:
    """Whether a watch would deliver an event."""
    return source.kind is kind and (source.name in {"", getattr(event, "name", "")})
