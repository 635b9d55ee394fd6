"""The seed of the campaign on real servers, its operations, and their random choice.

The seed contains addresses that exist nowhere, so that its operations are the same in each lab. `relocated` replaces
those that an operation leaves as they are with the addresses of the lab.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from harbor_operator.api.request_annotations import (
    REVOKE_REQUESTED_AT,
    ROTATE_ADMIN_PASSWORD_REQUESTED_AT,
    ROTATE_DATABASE_PASSWORD_REQUESTED_AT,
    ROTATE_REQUESTED_AT,
)
from lab.registries import example, merged
from tests.campaign.exceptions import NOT_IN_THE_LAB
from tests.campaign.model import DEPLOYED_KINDS, Case, cases
from tests.campaign.operations import Operation
from tests.campaign.replay import LAB_SEED
from tests.campaign.schema import Spec
from tests.campaign.secret_edits import secret_cases
from tests.campaign.semantic_list import semantic_cases

CONTAINER = "harbor-intra"
DATABASE = "registry_intra"
REQUESTS = (
    ROTATE_REQUESTED_AT,
    REVOKE_REQUESTED_AT,
    ROTATE_ADMIN_PASSWORD_REQUESTED_AT,
    ROTATE_DATABASE_PASSWORD_REQUESTED_AT,
)


def lab_seed() -> Spec:
    """Returns the spec of deploy/examples/full.yaml, with every address and name that a lab replaces."""
    (full,) = example("full.yaml")
    changes: Spec = {
        "checkIntervalSeconds": 5,
        "release": {"chart": "harbor"},
        "database": {"port": 5432, "names": {"core": DATABASE}},
        "storage": {"swift": {"container": CONTAINER, "chunkSizeMiB": 5}},
    }
    return merged(full["spec"], changes)


def relocated(spec: Spec, seed: Spec, local: Spec) -> Spec:
    """Returns the spec with each value of `seed` that is still at its place replaced by that of `local`."""
    found: Spec = {}
    for field, value in spec.items():
        before, here = seed.get(field), local.get(field)
        if value == before and field in local:
            found[field] = here
        elif isinstance(value, dict) and isinstance(before, dict) and isinstance(here, dict):
            found[field] = relocated(value, before, here)
        else:
            found[field] = value
    return found


def operations(random_seed: int) -> list[Operation]:
    """Returns every operation that applies to the seed, in a random order; equal seeds give equal lists."""
    spec = lab_seed()
    found = [operation for operation in _every(spec, random_seed) if operation.applies(spec)]
    random.Random(random_seed).shuffle(found)  # noqa: S311 - choices of a test
    return found


def _every(spec: Spec, random_seed: int) -> Iterator[Operation]:
    for case in cases(random_seed, {LAB_SEED: spec}):
        name = f"{case.kind} {case.place}"
        if case.kind in DEPLOYED_KINDS and name not in NOT_IN_THE_LAB and not _is_left_out(case):
            yield Operation(name, case=case)
    for semantic in semantic_cases():
        if semantic.spec and not semantic.breaks and semantic.name not in NOT_IN_THE_LAB:
            yield Operation(semantic.name, merge=semantic.spec, words=semantic.words, ready=semantic.ready)
    for secret in secret_cases(spec):
        yield Operation(secret.name, secret=secret.edit, words=(secret.edit.secret,), ready=secret.ready)
    for request in REQUESTS:
        yield Operation(f"request {request}", annotations={request: "2026-11-23T13:00:00Z"})


def _is_left_out(case: Case) -> bool:
    return any(case.path == path or case.path.startswith(f"{path}.") for path in NOT_IN_THE_LAB)
