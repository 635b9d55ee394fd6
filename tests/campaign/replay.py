"""The file of a failed campaign on real servers: what to apply, one operation after the other, to see it fail again.

A file comes from outside of the program. Its size, its number of operations and every field are checked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tests.campaign.model import REMOVED, Case, is_valid
from tests.campaign.operations import Operation
from tests.campaign.schema import Spec, Steps
from tests.campaign.secret_edits import SecretEdit

MAX_FILE_BYTES = 1 << 20
MAX_OPERATIONS = 200
MAX_TEXT_LENGTH = 20_000
LAB_SEED = "lab"
"""The name of the spec that the operations change; it is a part of the file, and not of `seeds.py`."""

Text = Annotated[str, Field(max_length=MAX_TEXT_LENGTH)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Index = Annotated[int, Field(ge=0, lt=1000)]


class ReplayError(Exception):
    """A file is no replay of a campaign; the message names the file, the place and what is expected."""


@dataclass(frozen=True)
class Replay:
    """The operations that end in an alarm, and the spec from which they begin; `seed` chose them."""

    seed: int
    spec: Spec
    operations: tuple[Operation, ...]
    alarm: str = ""

    def text(self) -> str:
        """Returns the content of the file."""
        record = _File(
            format=1,
            seed=self.seed,
            alarm=self.alarm[:MAX_TEXT_LENGTH],
            spec=self.spec,
            operations=[_Operation.of(operation) for operation in self.operations],
        )
        return json.dumps(record.model_dump(exclude_defaults=True), indent=2) + "\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file. Raises ReplayError."""
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise ReplayError(f"'{path}' cannot be read: {error.strerror}") from error
        if len(content) > MAX_FILE_BYTES:
            raise ReplayError(f"'{path}' has more than {MAX_FILE_BYTES} bytes: it is no replay of a campaign")
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, source: str) -> Self:
        """Returns the replay in the content of a file, which `source` names. Raises ReplayError."""
        try:
            record = _File.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"]) or "the file"
            raise ReplayError(f"'{source}' is no replay of a campaign: `{place}`: {first['msg']}") from None
        if not is_valid(record.spec):
            raise ReplayError(f"'{source}': `spec` is no valid spec of a HarborRegistry; was the CRD changed since?")
        operations = tuple(operation.operation() for operation in record.operations)
        return cls(record.seed, record.spec, operations, record.alarm)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Change(_Record):
    """A case of the schema; either `value` or `removed` is given."""

    path: Name
    kind: Name
    steps: Annotated[list[Index | Name], Field(min_length=1, max_length=20)]
    value: Any = None
    removed: bool = False

    def case(self) -> Case:
        steps: Steps = tuple(self.steps)
        return Case(self.path, self.kind, LAB_SEED, steps, REMOVED if self.removed else self.value)

    @classmethod
    def of(cls, case: Case) -> Self:
        removed = case.value is REMOVED
        value = None if removed else case.value
        return cls(path=case.path, kind=case.kind, steps=list(case.steps), value=value, removed=removed)


class _Secret(_Record):
    secret: Name
    key: Text = ""
    value: Text | None = None
    append: Text = ""


class _Operation(_Record):
    name: Name
    change: _Change | None = None
    merge: dict[str, Any] = Field(default_factory=dict)
    secret: _Secret | None = None
    annotations: Annotated[dict[Name, Text], Field(max_length=20)] = Field(default_factory=dict)
    words: Annotated[list[Text], Field(max_length=50)] = Field(default_factory=list)
    ready: bool | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [bool(part) for part in (self.change, self.merge, self.secret, self.annotations)]
        if sum(given) != 1:
            raise ValueError("an operation has exactly one of 'change', 'merge', 'secret' and 'annotations'")
        return self

    def operation(self) -> Operation:
        return Operation(
            self.name,
            case=self.change.case() if self.change else None,
            merge=self.merge,
            secret=SecretEdit(**self.secret.model_dump()) if self.secret else None,
            annotations=self.annotations,
            words=tuple(self.words),
            ready=self.ready,
        )

    @classmethod
    def of(cls, operation: Operation) -> Self:
        secret = operation.secret
        return cls(
            name=operation.name,
            change=_Change.of(operation.case) if operation.case else None,
            merge=operation.merge,
            secret=_Secret(**vars(secret)) if secret else None,
            annotations=dict(operation.annotations),
            words=list(operation.words),
            ready=operation.ready,
        )


class _File(_Record):
    format: Literal[1]
    seed: int
    alarm: Text = ""
    spec: dict[str, Any]
    operations: Annotated[list[_Operation], Field(min_length=1, max_length=MAX_OPERATIONS)]
