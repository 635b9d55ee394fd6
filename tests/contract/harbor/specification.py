"""Harbor's API description (Swagger 2.0), against which every request and answer is validated.

Objects with listed properties must not have others: the operator must not send a field that Harbor does not know, and
the stand-in must not return one.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft4Validator, FormatChecker

PROJECT_ROOT = Path(__file__).parents[3]
DEFAULT_PATH = PROJECT_ROOT.parent / "shared" / "data" / "harbor-api" / "v2.15.2.yaml"
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_timestamp(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def path_of_description() -> Path:
    """Returns the expected path of the description."""
    return Path(os.environ.get("HARBOR_API_SPEC", DEFAULT_PATH))


@dataclass(frozen=True)
class Operation:
    """One method on one path of the description."""

    name: str
    parameters: list[dict[str, Any]]
    responses: dict[str, dict[str, Any]]

    def body_schema(self) -> dict[str, Any] | None:
        """Returns the schema of the request body, or None."""
        bodies = [one["schema"] for one in self.parameters if one["in"] == "body"]
        return bodies[0] if bodies else None

    def query_names(self) -> set[str]:
        """Returns the declared query parameters."""
        return {one["name"] for one in self.parameters if one["in"] == "query"}


class Specification:
    """The parsed description."""

    def __init__(self, path: Path) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._root: dict[str, Any] = yaml.load(path.read_text(), Loader=loader)  # noqa: S506 - both are safe loaders
        self._definitions = {name: _as_json_schema(one) for name, one in self._root["definitions"].items()}

    def operation(self, method: str, path: str) -> Operation:
        """Returns the operation of this request. Raises AssertionError if it is not declared."""
        candidates = sorted(self._root["paths"].items(), key=lambda item: item[0].count("{"))
        for template, item in candidates:
            if method.lower() in item and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
                return self._operation(item[method.lower()])
        raise AssertionError(f"the API description does not declare '{method} {path}'")

    def _operation(self, raw: dict[str, Any]) -> Operation:
        return Operation(
            name=raw["operationId"],
            parameters=[self._resolved(one) for one in raw.get("parameters", [])],
            responses={str(status): self._resolved(one) for status, one in raw["responses"].items()},
        )

    def _resolved(self, raw: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in raw:
            return raw
        _, section, name = raw["$ref"].split("/")
        found: dict[str, Any] = self._root[section][name]
        return found

    def check(self, value: object, schema: dict[str, Any], what: str) -> None:
        """Asserts that `value` matches the schema."""
        full = {**_as_json_schema(schema), "definitions": self._definitions}
        errors = sorted(Draft4Validator(full, format_checker=FORMATS).iter_errors(value), key=str)
        report = "; ".join(f"`{'.'.join(map(str, error.path))}`: {error.message}" for error in errors)
        assert not errors, f"{what} does not match the API description: {report}"

    @property
    def errors(self) -> dict[str, Any]:
        """The schema of all errors."""
        return {"$ref": "#/definitions/Errors"}


def _as_json_schema(node: Any) -> Any:
    """Converts Swagger to JSON Schema."""
    if isinstance(node, list):
        return [_as_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "object" and not node.keys() - {"type", "description"}:
        return {}  # go-swagger reads this as 'anything'
    converted = {key: _as_json_schema(value) for key, value in node.items() if key != "example"}
    if "properties" in node and "additionalProperties" not in node and node.get("type") == "object":
        converted["additionalProperties"] = False
    if node.get("type") == "array":
        converted["type"] = ["array", "null"]  # Go encodes an empty list as null
    if node.get("x-nullable") is True and isinstance(node.get("type"), str):
        converted["type"] = [node["type"], "null"]
    return converted
