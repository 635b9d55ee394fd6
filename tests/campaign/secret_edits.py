"""Changes of the Secrets that a spec names: absent, without a key, empty, with another value, with a line end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.campaign.model import find
from tests.campaign.schema import Node, Spec, spec_schema, values_in


@dataclass(frozen=True)
class SecretEdit:
    """One change of a Secret of the registry's namespace; without a key, the Secret is deleted.

    `value` replaces the value of the key, and None removes the key; `append` is added to the present value instead.
    """

    secret: str
    key: str = ""
    value: str | None = None
    append: str = ""

    def apply(self, values: Mapping[str, str]) -> dict[str, str] | None:
        """Returns the changed values of the Secret; None if there is no Secret then."""
        if not self.key:
            return None
        changed = {name: value for name, value in values.items() if name != self.key}
        if self.append:
            changed[self.key] = f"{values.get(self.key, '')}{self.append}"
        elif self.value is not None:
            changed[self.key] = self.value
        return changed


@dataclass(frozen=True)
class SecretCase:
    """A change of one Secret; `ready` says whether the registry stays ready, None that it depends on the value."""

    name: str
    edit: SecretEdit
    ready: bool | None = None


def secret_cases(spec: Spec) -> Iterator[SecretCase]:
    """Yields one case for every Secret that the spec references, and four for each of its keys."""
    for steps, node, reference in values_in(spec_schema(), spec):
        if not str(steps[-1:]).endswith("Ref',)") or not isinstance(reference, dict):
            continue
        place = ".".join(str(step) for step in steps)
        secret = reference["name"]
        # With `provision`, the operator creates the login.
        is_made = "swift" in place and find(spec, ("storage", "swift", "provision"))
        missing = None if is_made else False
        yield SecretCase(f"{place}: no Secret", SecretEdit(secret), ready=missing)
        for key in _keys(node, reference):
            yield SecretCase(f"{place}: no key {key}", SecretEdit(secret, key), ready=False)
            yield SecretCase(f"{place}: empty {key}", SecretEdit(secret, key, ""), ready=False)
            yield SecretCase(f"{place}: another value {key}", SecretEdit(secret, key, f"Another-{key}-1"))
            yield SecretCase(f"{place}: line end in {key}", SecretEdit(secret, key, append="\n"))


def _keys(node: Node, reference: Spec) -> Iterator[str]:
    """Yields the keys that a reference names, by itself or by the default of the schema."""
    for name, field in node.fields.items():
        if name.lower().endswith("key"):
            yield str(reference.get(name) or field.schema["default"])
