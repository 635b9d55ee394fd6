"""The state of one namespace that the injector needs; small, because a cluster may have ten thousand namespaces.

The types are msgspec structs and not dataclasses: they need half the memory and a fifth of the time to create. With
`gc=False` the garbage collector never visits them, so its pauses do not grow with the cluster. This is safe because
they never refer back to themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MAX_REFERENCES = 64
MAX_REFERENCES_BYTES = 4096
"""A service account whose list has more entries, or more bytes of names, is observed as `oversized`, without the list.

The API server accepts a list of more than one megabyte from everyone who may change a service account in any
namespace. Without a bound, such lists would exhaust the memory of the operator.
"""


MAX_LABELS_CHARACTERS = 8192
"""A Namespace whose labels are longer in total is observed as `oversized`, without them.

The API server limits the length of one label, and not their number.
"""

MAX_PROJECTS_CHARACTERS = 4096
"""A longer annotation `harbor-operator.io/projects` chooses no project."""


class ObservedNamespace(msgspec.Struct, frozen=True, gc=False):
    """A Namespace without spec and status; `revision` is its resourceVersion.

    With `oversized`, `labels` is empty because they exceed MAX_LABELS_CHARACTERS. `projects` is the value of the
    annotation `harbor-operator.io/projects`; None without it, empty if it exceeds MAX_PROJECTS_CHARACTERS. `inject` is
    the value of `harbor-operator.io/inject` if it is one that we know, else empty.
    """

    name: str
    revision: int
    labels: Mapping[str, str]
    terminating: bool = False
    oversized: bool = False
    projects: str | None = None
    inject: str = ""

    @property
    def namespace(self) -> str:
        """Its own name, as the namespace of every other object."""
        return self.name


class ObservedSecret(msgspec.Struct, frozen=True, gc=False):
    """A Secret with the name of a pull Secret; `owner` is the registry's uid in its label, `digest` is of its content.

    `registry` is the 'namespace/name' of the owner: it stays when the registry is created again with another uid.
    The content itself is never kept. `immutable` also covers a Secret of another type, which cannot be changed either.
    """

    namespace: str
    name: str
    uid: str
    revision: int
    owner: str = ""
    registry: str = ""
    digest: bytes = b""
    labelled: bool = False
    adopted: bool = False
    immutable: bool = False
    terminating: bool = False


class ObservedServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """A ServiceAccount: the names in `imagePullSecrets`, in order, and those that our annotation says we attached.

    With `oversized`, both are empty because the list exceeds MAX_REFERENCES or MAX_REFERENCES_BYTES. `opted_out` says
    that its annotation `harbor-operator.io/inject` is `disabled`.
    """

    namespace: str
    name: str
    revision: int
    references: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    oversized: bool = False
    opted_out: bool = False


class NamespaceState(msgspec.Struct, gc=False):
    """The observed objects of one namespace, by name; `observed` is None until the Namespace itself was seen."""

    observed: ObservedNamespace | None = None
    secrets: dict[str, ObservedSecret] = {}
    accounts: dict[str, ObservedServiceAccount] = {}

    @property
    def is_active(self) -> bool:
        """Whether the namespace exists and accepts new objects."""
        return self.observed is not None and not self.observed.terminating

    @property
    def is_empty(self) -> bool:
        """Whether no object is known."""
        return self.observed is None and not self.secrets and not self.accounts
