"""Who can read a Harbor for an export."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.exporting.reader import Source, export, read_harbor
from harbor_operator.model.harbor import Login
from tests.unit.kubectl.planning.test_harbors import HarborPlan


async def test_only_an_administrator_can_export() -> None:
    harbor = HarborPlan()
    wrong = harbor.admin.with_login(Login("admin", SecretStr("wrong")))
    with pytest.raises(CommandError, match="as an administrator"):
        await read_harbor(harbor.real, wrong)


def test_a_harbor_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(CommandError, match="RegistryUnreachable"):
        export(Source("http://127.0.0.1:1", "", "admin", "wrong"), 30)
