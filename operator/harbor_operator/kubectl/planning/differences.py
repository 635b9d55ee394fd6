"""What a write would change, as text without secrets; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from pydantic import SecretStr

from harbor_operator.kubectl.redaction import redact_line

MASK = "***"


def described(desired: Any) -> Iterator[str]:
    """Yields the fields of a dataclass that differ from their defaults; its name is left out."""
    for field in fields(desired):
        value = getattr(desired, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name != "name" and value != default:
            yield f"{field.name}: {shown(value)}"


def differences(before: Any, after: Any) -> Iterator[str]:
    """Yields the fields that two dataclasses have in common and that differ."""
    common = {field.name for field in fields(before)} & {field.name for field in fields(after)}
    for field in fields(after):
        old, new = getattr(before, field.name, None), getattr(after, field.name)
        if field.name in common and old != new:
            yield changed(field.name, old, new)


def changed(name: str, before: Any, after: Any) -> str:
    """Returns one changed field."""
    return f"{name}: {shown(before)} -> {shown(after)}"


def shown(value: Any) -> str:
    """Returns a value as text; a secret is masked."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, str):
        return f"'{redact_line(value)}'"
    if is_dataclass(value):
        inner = (f"{field.name}={shown(getattr(value, field.name))}" for field in fields(value))
        return f"({', '.join(inner)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {shown(item)}' for key, item in sorted(value.items()))}}}"
    if isinstance(value, set | frozenset | list | tuple):
        items = [shown(item) for item in value]
        return f"[{', '.join(sorted(items) if isinstance(value, set | frozenset) else items)}]"
    return str(value).lower() if isinstance(value, bool | None) else str(value)
