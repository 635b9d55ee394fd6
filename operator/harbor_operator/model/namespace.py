"""The state of one namespace that matters for pull Secrets; kept small, because a cluster may have ten thousand."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class ObservedNamespace(msgspec.Struct, frozen=True, gc=False):
    """A Namespace without its spec and status."""

    name: str
    revision: int
    labels: Mapping[str, str]
    terminating: bool = False


class ObservedSecret(msgspec.Struct, frozen=True, gc=False):
    """A Secret of a wanted name: whose it is and a digest of what it holds, never the content."""

    namespace: str
    name: str
    uid: str
    revision: int
    owner: str = ""
    digest: bytes = b""
    labelled: bool = False
    adopted: bool = False
    immutable: bool = False
    terminating: bool = False


class ObservedServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """A ServiceAccount: the names it refers to, in order, and which of them our annotation says we attached."""

    namespace: str
    name: str
    revision: int
    references: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()


class NamespaceState(msgspec.Struct, gc=False):
    """Everything known of one namespace; `seen` is None while only its contents are known."""

    observed: ObservedNamespace | None = None
    secrets: dict[str, ObservedSecret] = {}
    accounts: dict[str, ObservedServiceAccount] = {}

    @property
    def is_open(self) -> bool:
        """Whether the namespace exists and takes writes."""
        return self.observed is not None and not self.observed.terminating

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to know."""
        return self.observed is None and not self.secrets and not self.accounts
