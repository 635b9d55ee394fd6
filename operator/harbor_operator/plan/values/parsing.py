"""Reads the text of a values file, which a tenant wrote: bounded in size and depth, and without YAML aliases."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import yaml
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import UserValues
from harbor_operator.reasons import Reason

MAX_VALUES_BYTES = 256 * 1024
MAX_VALUES_DEPTH = 32

# The C loader is about ten times as fast; libyaml may be missing where PyYAML was built from source.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_values(origin: str, text: str, *, secret: bool) -> UserValues | Blocked:
    """Returns the mapping that the text contains, or why it is refused; no message quotes the text.

    It may take a second for a large text: call it in a thread.
    """
    tree = _load(origin, text)
    if isinstance(tree, Blocked):
        return tree
    if not isinstance(tree, dict):
        return _invalid(f"{origin} is not a YAML mapping of chart values: begin it with `key: value`")
    try:
        return UserValues(origin, to_json_types(tree, secret=secret), secret)
    except ValueError:
        return _invalid(
            f"{origin} has a value that JSON does not have, such as `!!binary`, `!!set` or `.nan`: quote it"
        )


def to_json_types(value: Any, *, secret: bool) -> Any:
    """Returns the value in JSON types only, as Helm reads it; text is SecretStr if it came from a Secret.

    Raises ValueError for a value that JSON does not have.
    """
    if isinstance(value, dict):
        return {key_text(key): to_json_types(item, secret=secret) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json_types(item, secret=secret) for item in value]
    if isinstance(value, (dt.date, dt.datetime)):
        value = value.isoformat()
    if not isinstance(value, str | bool | int | float | None) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise ValueError("the value has a type that JSON does not have")
    return SecretStr(value) if secret and isinstance(value, str) else value


def key_text(key: object) -> str:
    """Returns a key as JSON has it."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _load(origin: str, text: str) -> Any:
    """Returns the document, an empty mapping for an empty one, or why the text is refused."""
    if len(text.encode()) > MAX_VALUES_BYTES:
        return _invalid(f"{origin} is larger than {MAX_VALUES_BYTES // 1024} KiB: keep only the values that you change")
    try:
        if blocked := _check_structure(origin, text):
            return blocked
        tree = yaml.load(text, Loader=LOADER)  # noqa: S506 - both loaders are safe ones
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        return _invalid(f"{origin} is not valid YAML{where}: check it with `helm template -f`")
    except ValueError:
        return _invalid(f"{origin} has a value that cannot be read, such as a date that does not exist: quote it")
    return {} if tree is None else tree


def _check_structure(origin: str, text: str) -> Blocked | None:
    """Returns what must not reach the loader, found by its events alone.

    The C loader is recursive and ends the process on a few ten thousand brackets; an alias repeats a part of the
    document, so that a few lines expand to gigabytes.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            return _invalid(f"{origin} uses a YAML alias (`*name`): write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_VALUES_DEPTH:
            return _invalid(
                f"{origin} is nested deeper than {MAX_VALUES_DEPTH} levels, which no value of the chart needs"
            )
    return None


def _invalid(message: str) -> Blocked:
    return Blocked(Reason.VALUES_INVALID, message)
