"""To which PostgreSQL servers, and with which methods, the operator logs in; on a real server."""

from __future__ import annotations

import hashlib

import psycopg
import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.model.egress import AllowedHosts, Egress
from harbor_operator.model.outcomes import Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.database import DatabaseStep
from lab.addresses import join
from tests.contract.database_server import (  # noqa: F401 - fixtures
    DELETE,
    DatabaseFixture,
    database_of_test,
    host_rule,
    server_of_module,
)

pytestmark = pytest.mark.lab


async def test_a_server_that_requests_the_password_in_clear_text_never_gets_it(fixture: DatabaseFixture) -> None:
    """Finding S6: the author of a HarborRegistry chooses the server."""
    rule = f"host all {fixture.server.provisioner_user} all password"
    with host_rule(fixture.server, rule), pytest.raises(Refused) as refused:
        await fixture.step.reconcile(fixture.registry())
    assert refused.value.reason is Reason.DATABASE_LOGIN_FAILED
    assert "in clear text, which the operator never sends" in str(refused.value)


async def test_md5_needs_the_permission_of_the_administrator_or_the_remedy(fixture: DatabaseFixture) -> None:
    """Finding S6: roles of older servers have MD5 verifiers."""
    server, user, password = fixture.server, fixture.server.provisioner_user, fixture.server.provisioner_password
    digest = hashlib.md5(f"{password}{user}".encode(), usedforsecurity=False).hexdigest()
    ((scram,),) = server.query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{user}'")  # noqa: S608
    server.query(f"ALTER ROLE {user} PASSWORD 'md5{digest}'")
    permitted = DatabaseStep(fixture.kube, PsycopgPostgres(permits_md5=True), lambda: SecretStr("aB3" * 10))
    with host_rule(server, f"host all {user} all md5"):
        with pytest.raises(Refused) as refused:
            await fixture.step.reconcile(fixture.registry())
        assert isinstance(await permitted.reconcile(fixture.registry()), Done)
        server.query(f"ALTER ROLE {user} PASSWORD '{scram}'")
        assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert refused.value.reason is Reason.DATABASE_LOGIN_FAILED
    assert "with the method md5" in str(refused.value)
    assert "SET password_encryption = 'scram-sha-256'" in str(refused.value)
    assert "`HARBOR_OPERATOR_POSTGRES_MD5`" in str(refused.value)
    assert password not in str(refused.value)


async def test_a_permission_for_md5_is_none_for_clear_text(fixture: DatabaseFixture) -> None:
    permitted = DatabaseStep(fixture.kube, PsycopgPostgres(permits_md5=True), lambda: SecretStr("aB3" * 10))
    rule = f"host all {fixture.server.provisioner_user} all password"
    with host_rule(fixture.server, rule), pytest.raises(Refused, match="in clear text, which the operator never sends"):
        await permitted.reconcile(fixture.registry())


async def test_a_server_that_requests_no_password_is_used(fixture: DatabaseFixture) -> None:
    with host_rule(fixture.server, "host all all all trust"):
        assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_a_server_that_is_not_allowed_gets_no_connection(fixture: DatabaseFixture) -> None:
    """Finding S6: neither to create nor to remove something."""
    server, made = fixture.server, fixture.kube
    hosts = AllowedHosts.parse(f"{join(server.host, 1)}, *.example.com")
    step = DatabaseStep(made, PsycopgPostgres(Egress(hosts)), lambda: SecretStr("aB3" * 10))
    for act in (step.reconcile, step.teardown):
        with pytest.raises(Refused) as refused:
            await act(fixture.registry(**DELETE))
        assert refused.value.reason is Reason.HOST_NOT_ALLOWED
        assert f"`spec.database.host` names host '{join(server.host, server.port)}'" in str(refused.value)
    allowed = PsycopgPostgres(Egress(AllowedHosts.parse(join(server.host, server.port))))
    assert isinstance(
        await DatabaseStep(made, allowed, lambda: SecretStr("aB3" * 10)).reconcile(fixture.registry()), Done
    )


def test_the_client_library_can_refuse_clear_text() -> None:
    """Finding S6: an older libpq knows no `require_auth`."""
    assert psycopg.pq.version() >= 160000
