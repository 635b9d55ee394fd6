"""The connection to the scratch server."""

from __future__ import annotations

import pytest

from harbor_operator.adapters.scratch_database import ScratchServer


@pytest.mark.parametrize(
    "conninfo", ["postgresql://me:" + "hunter2@pg.example.com/postgres", "host=pg.example.com password=hunter2"]
)
def test_a_password_in_an_argument_is_refused_and_not_shown(conninfo: str) -> None:
    with pytest.raises(ValueError, match="put it into") as refused:
        ScratchServer(conninfo)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "conninfo",
    [
        "pg.example.com",
        "postgre://me:" + "hunter2@pg.example.com/postgres",
        "host=pg.example.com passwd=hunter2",
    ],
)
def test_what_is_no_connection_string_is_refused_and_not_shown(conninfo: str) -> None:
    with pytest.raises(ValueError, match="a URL such as") as refused:
        ScratchServer(conninfo)
    assert "hunter2" not in str(refused.value)
