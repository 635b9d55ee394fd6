"""The operations on real servers: the same in each lab, each with an effect and a way back."""

from __future__ import annotations

from tests.campaign.exceptions import NOT_IN_THE_LAB, READY_DIFFERS
from tests.campaign.lab_cases import lab_seed, operations, relocated
from tests.campaign.model import cases, is_valid
from tests.campaign.schema import spec_schema
from tests.campaign.secret_edits import SecretEdit
from tests.campaign.semantic_list import semantic_cases

OPERATIONS = operations(random_seed=1)


def test_the_operations_are_counted() -> None:
    names = [operation.name for operation in OPERATIONS]
    print(f"{len(names)} operations")
    assert len(names) >= 400
    assert any(operation.secret for operation in OPERATIONS)
    assert any(operation.annotations for operation in OPERATIONS)


def test_equal_seeds_of_the_generator_give_equal_operations_in_equal_order() -> None:
    assert operations(random_seed=1) == OPERATIONS
    assert [one.name for one in operations(random_seed=2)] != [one.name for one in OPERATIONS]


def test_every_operation_applies_to_the_seed() -> None:
    seed = lab_seed()
    assert is_valid(seed)
    for operation in OPERATIONS:
        assert operation.applies(seed), operation
        assert operation.changes_spec == (operation.change(seed) != seed)
        assert operation.explaining(seed)


def test_a_merged_object_has_no_null() -> None:
    case = next(one for one in OPERATIONS if one.name == "pull Secrets: all namespaces")
    assert case.change(lab_seed())["pullSecrets"]["namespaces"] == {"exclude": []}


def test_what_is_left_out_exists() -> None:
    paths, names = {node.path for node in spec_schema().walk()}, {case.name for case in semantic_cases()}
    changes = {f"{case.kind} {case.place}" for case in cases(1, {"lab": lab_seed()})}
    assert NOT_IN_THE_LAB.keys() | READY_DIFFERS.keys() <= paths | names | changes


def test_only_the_addresses_that_an_operation_leaves_are_those_of_the_lab() -> None:
    seed = {"host": "pg", "names": {"core": "a"}, "list": [1], "kept": 1}
    local = {"host": "localhost", "names": {"core": "b"}, "list": [2]}
    assert relocated(seed, seed, local) == {**local, "kept": 1}
    changed = {**seed, "host": "other", "names": {"core": "a", "more": "c"}, "list": [1, 1]}
    expected = {"host": "other", "names": {"core": "b", "more": "c"}, "list": [1, 1], "kept": 1}
    assert relocated(changed, seed, local) == expected
    assert relocated({"names": None}, seed, local) == {"names": None}


def test_a_secret_is_changed_in_one_key() -> None:
    values = {"username": "a", "password": "b"}
    assert SecretEdit("s").apply(values) is None
    assert SecretEdit("s", "password").apply(values) == {"username": "a"}
    assert SecretEdit("s", "password", "").apply(values) == {"username": "a", "password": ""}
    assert SecretEdit("s", "password", append="\n").apply(values) == {"username": "a", "password": "b\n"}
    assert values == {"username": "a", "password": "b"}
