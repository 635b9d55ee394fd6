"""What is kept of a service account: equal small lists once, and never more than a bounded part of a large one."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from harbor_operator.adapters.kube_objects import Metadata, PartialObject, Reference
from harbor_operator.adapters.kube_pull_secrets import read_account
from harbor_operator.model.namespace import MAX_REFERENCES, MAX_REFERENCES_BYTES
from harbor_operator.plan import names

MAX_GROWTH_BYTES = 1 << 20


def account(*references: str, attached: str = "") -> PartialObject:
    metadata = Metadata("default", "app", "uid", "7", annotations={names.ATTACHED: attached})
    return PartialObject(metadata=metadata, image_pull_secrets=[Reference(name) for name in references])


def test_equal_small_lists_are_kept_once() -> None:
    first, second = (read_account(account("theirs", "harbor-pull")) for _ in range(2))
    assert first.references == ("theirs", "harbor-pull")
    assert first.references is second.references


@pytest.mark.parametrize(
    "references",
    [
        tuple(f"secret-{number}" for number in range(MAX_REFERENCES + 1)),
        ("x" * (MAX_REFERENCES_BYTES + 1),),
    ],
    ids=["entries", "bytes"],
)
def test_of_an_oversized_list_nothing_is_kept(references: tuple[str, ...]) -> None:
    observed = read_account(account(*references, attached="harbor-pull"))
    assert observed.oversized
    assert (observed.references, observed.attached) == ((), ())


def test_an_oversized_annotation_is_not_kept_either() -> None:
    assert read_account(account("theirs", attached="x," * MAX_REFERENCES_BYTES)).oversized


def test_a_list_of_the_maximum_size_is_kept() -> None:
    references = tuple(f"secret-{number}" for number in range(MAX_REFERENCES))
    observed = read_account(account(*references))
    assert (observed.references, observed.oversized) == (references, False)


def test_ever_different_lists_do_not_accumulate() -> None:
    """A user may patch a service account again and again, each time with another list of a megabyte."""

    def patch(turn: int) -> None:
        large = tuple(f"{turn}-{number}-{'x' * 200}" for number in range(MAX_REFERENCES * 4))
        medium = tuple(f"{turn}-{number}-{'x' * 40}" for number in range(MAX_REFERENCES))
        long = (f"{turn}-{'x' * MAX_REFERENCES_BYTES}"[:MAX_REFERENCES_BYTES],)
        for references in (large, medium, long):
            read_account(account(*references, attached=",".join(references)))

    patch(-1)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for turn in range(300):
            patch(turn)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < MAX_GROWTH_BYTES
