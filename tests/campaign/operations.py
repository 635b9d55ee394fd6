"""One operation of the campaign on real servers: a change of the spec, of a Secret that it names, or a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.registries import merged
from tests.campaign.exceptions import EXPLAINING
from tests.campaign.model import Case, is_valid
from tests.campaign.schema import Spec
from tests.campaign.secret_edits import SecretEdit
from tests.campaign.transitions import is_possible
from tests.campaign.trial import names_of


@dataclass(frozen=True)
class Operation:
    """Exactly one of `case`, `merge`, `secret` and `annotations` is given.

    `words` are those of which a message must contain one if the registry is not ready then; a case names its own.
    `ready` says whether the registry stays ready; None means that it depends on what the operator can observe.
    """

    name: str
    case: Case | None = None
    merge: Spec = field(default_factory=dict)
    secret: SecretEdit | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    ready: bool | None = None

    def change(self, spec: Spec) -> Spec:
        """Returns the spec after the operation, which must apply to it."""
        return self.case.mutate(spec) if self.case else _without_null(merged(spec, self.merge))

    def applies(self, spec: Spec) -> bool:
        """Whether the operation changes something, the API server accepts it, and the way back is open."""
        if not self.changes_spec:
            return True
        if self.case and not self.case.precondition(spec):
            return False
        changed = self.change(spec)
        is_open = is_valid(changed) and is_possible(spec, changed) and is_possible(changed, spec)
        return changed != spec and is_open

    @property
    def changes_spec(self) -> bool:
        """Whether the operation changes the spec, and neither a Secret nor an annotation."""
        return bool(self.case or self.merge)

    def explaining(self, spec: Spec) -> set[str]:
        """Returns the words of which a message must contain one; `spec` is the one before the operation."""
        named = names_of(spec, self.case) if self.case else set()
        return {*named, *self.words, *EXPLAINING}


def _without_null(value: Any) -> Any:
    """Returns a value without fields that are null; `merged` keeps those of an object that it adds."""
    if isinstance(value, dict):
        return {key: _without_null(child) for key, child in value.items() if child is not None}
    return value
