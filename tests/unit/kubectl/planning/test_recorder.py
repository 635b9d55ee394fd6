"""Lines are collected by section, and no write of a port passes."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from pydantic import SecretStr

from harbor_operator.kubectl.plan import Action, Line
from harbor_operator.kubectl.planning.harbor_steps import planned_ports
from harbor_operator.kubectl.planning.recorder import READS, RecordedPort, Recorder
from harbor_operator.kubectl.planning.stores import PlannedRgw, PlannedS3, PlannedSwift
from harbor_operator.model.storage import StoragePlace
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.oidc_provider import OidcProvider
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.ports.s3_store import S3Store

NOT_PLANNED = {
    "RegistryProbe": {"announce_body", "try_upload"},
    "RgwAdmin": {"remove_s3_key", "remove_swift_login", "remove_user"},
    "ObjectStore": {"persistent", "remove_container"},
    "S3Store": {
        "complete_upload",
        "copy_part",
        "measure",
        "persistent",
        "remove_bucket",
        "write_generated_part",
        "write_part",
    },
}
"""What a plan never calls: of a probe after its first write, of a teardown, and of a step that is left out."""


def recorder() -> Recorder:
    made = Recorder(lambda: SecretStr("made"))
    made.begin("spec.database")
    return made


def test_lines_on_one_subject_are_one_line() -> None:
    found = recorder()
    found.record(Action.CREATE, "role 'a'", ["one"])
    found.record(Action.CHANGE, "role 'a'", ["two"])
    found.begin("spec.cache")
    found.record(Action.KEEP, "role 'a'")
    assert found.lines == [
        Line("spec.database", Action.CREATE, "role 'a'", ("one", "two")),
        Line("spec.cache", Action.KEEP, "role 'a'"),
    ]
    assert found.section == found.lines[1:]


def test_a_generated_password_is_known() -> None:
    found = recorder()
    assert not found.is_generated(SecretStr("made"))
    assert found.is_generated(found.make_password())


def test_a_write_that_is_not_defined_does_not_reach_the_port() -> None:
    class Port:
        def remove_everything(self) -> None:
            raise AssertionError

    with pytest.raises(AttributeError, match="does not define the write 'remove_everything'"):
        RecordedPort(Port(), recorder()).remove_everything()


def planned() -> dict[type, Any]:
    found, place = recorder(), StoragePlace("", "", "", "", adopts=False)
    rgw = PlannedRgw(None, found)
    ports = planned_ports(found, installs=False)
    harbor = {port: getattr(ports, name) for name, port in get_type_hints(HarborPorts).items()}
    stores = {
        RgwAdmin: rgw,
        ObjectStore: PlannedSwift(None, found, rgw, place),
        S3Store: PlannedS3(None, found, rgw, place),
    }
    return {port: made for port, made in {**harbor, **stores}.items() if port is not OidcProvider}


@pytest.mark.parametrize("port", planned(), ids=lambda port: port.__name__)
def test_every_call_of_a_port_is_a_read_or_recorded(port: type) -> None:
    made = planned()[port]
    calls = {name for name in vars(port) if not name.startswith("_")}
    undefined = {name for name in calls if not name.startswith(READS) and not hasattr(made, name)}
    assert undefined == NOT_PLANNED.get(port.__name__, set())
