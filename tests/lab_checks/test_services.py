"""The backing services: TLS, logs of writes, and the fault modes that tests use."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis
from swiftclient.client import Connection as SwiftConnection
from swiftclient.client import get_account, get_auth
from swiftclient.exceptions import ClientException

from lab.certs import Authority
from lab.images import make_image
from lab.process import Processes, free_port
from lab.redis import Mode, Redis
from lab.registry import Registry
from lab.services import Services
from lab.skopeo import Skopeo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

REGISTRY_CONFIG = """
version: 0.1
storage:
  swift:
    authurl: {auth_url}
    username: {user}
    password: {key}
    container: {container}
    authversion: 1
    chunksize: 5242880
  redirect: {{disable: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}", secret: x}}
"""


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    children = Processes(tmp_path_factory.mktemp("lab") / "log")
    yield children
    children.stop_all()


@pytest.fixture(scope="module")
def authority(processes: Processes) -> Authority:
    return Authority.create(processes.log_dir.parent / "pki")


@pytest.fixture(scope="module")
def services(processes: Processes, authority: Authority) -> Services:
    return Services.start(processes.log_dir.parent, processes, authority)


def log_in(services: Services, authority: Authority, user: str, key: str) -> tuple[str, str]:
    """Returns storage URL and token, as a Swift client gets them through the TLS proxy."""
    url, token = get_auth(services.auth_url, user, key, cacert=str(authority.ca_path))
    return str(url), str(token)


def test_postgres_uses_tls_that_clients_can_verify(services: Services, tmp_path: Path) -> None:
    server = services.postgres
    encrypted = server.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert encrypted == [(True,)]
    other_ca = Authority.create(tmp_path).ca_path
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(
            f"host=localhost port={server.port} user={server.admin_user} sslmode=verify-full sslrootcert={other_ca}",
            password=server.admin_password,
        )


def test_postgres_has_an_administrator_without_superuser(services: Services) -> None:
    server = services.postgres
    with server.connect(server.provisioner_user, server.provisioner_password) as connection:
        role = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert role == (False, True, True)


def test_postgres_logs_statements_that_change_something(services: Services) -> None:
    server = services.postgres
    mark = server.mark()
    server.query("SELECT rolname FROM pg_roles")
    assert server.changes_since(mark) == []
    with server.connect(server.provisioner_user, server.provisioner_password) as connection:
        connection.execute("CREATE DATABASE seen")
        connection.execute("COMMENT ON DATABASE seen\nIS 'of two lines'")
    server.query("CREATE TABLE t (n int)", dbname="seen")
    changes = server.changes_since(mark)
    assert [(change.user, change.database) for change in changes] == [
        ("provisioner", "postgres"),
        ("provisioner", "postgres"),
        ("postgres", "seen"),
    ]
    assert changes[1].statement == "COMMENT ON DATABASE seen\nIS 'of two lines'"


def test_postgres_keeps_its_data_across_a_restart(services: Services) -> None:
    services.postgres.query("CREATE DATABASE kept")
    services.postgres.restart()
    assert services.postgres.query("SELECT 1 FROM pg_database WHERE datname = 'kept'") == [(1,)]


def test_redis_has_the_configured_number_of_databases(processes: Processes, tmp_path: Path) -> None:
    server = Redis.start(tmp_path / "redis-few", processes, databases=3, password="open-sesame")
    with server.client(2) as client:
        assert client.set("key", "value")
    with server.client(3) as client, pytest.raises(redis.ResponseError, match="out of range"):
        client.get("key")
    server.stop()


@pytest.mark.parametrize(
    ("mode", "message"),
    [("cluster", "15495 127.0.0.1"), ("replica", "read only replica"), ("sentinel", "unknown command")],
)
def test_redis_rejects_a_plain_client_in_other_modes(
    processes: Processes, tmp_path: Path, mode: Mode, message: str
) -> None:
    server = Redis.start(tmp_path / f"redis-{mode}", processes, mode=mode)
    with server.client() as client, pytest.raises(redis.ResponseError, match=message):
        client.set("a", "this key lives in hash slot 15495, on the last node")
    server.stop()


def test_the_gateway_advertises_a_wrong_url_unless_it_is_configured(services: Services, authority: Authority) -> None:
    user = services.ceph.create_swift_user("mislead", "swift", "key-of-mislead")
    services.ceph.restart_rgw(None)
    wrong, token = log_in(services, authority, user, "key-of-mislead")
    assert wrong == f"http://localhost:{services.ceph.rgw_port}/swift/v1"
    with pytest.raises(OSError, match="refused"):
        get_account(wrong, token)
    services.ceph.restart_rgw(services.rgw_front.url)
    right, token = log_in(services, authority, user, "key-of-mislead")
    assert right == f"{services.rgw_front.url}/swift/v1"


def test_the_proxy_can_limit_bodies_and_logs_requests(services: Services, authority: Authority) -> None:
    user = services.ceph.create_swift_user("large", "swift", "key-of-large")
    url, token = log_in(services, authority, user, "key-of-large")
    with closing(
        SwiftConnection(preauthurl=url, preauthtoken=token, cacert=str(authority.ca_path), retries=0)
    ) as client:
        client.put_container("bodies")
        mark = services.rgw_front.mark()
        client.put_object("bodies", "fits", b"x" * 2048)
        services.rgw_front.reconfigure(max_body="1k")
        with pytest.raises(ClientException, match="413"):
            client.put_object("bodies", "too large", b"x" * 2048)
        services.rgw_front.reconfigure(max_body="0")
    seen = [(entry.method, entry.status, entry.path) for entry in services.rgw_front.requests_since(mark)]
    assert seen == [("PUT", 201, "/swift/v1/bodies/fits"), ("PUT", 413, "/swift/v1/bodies/too large")]
    assert [(entry.name, entry.size) for entry in services.ceph.objects("bodies")] == [("fits", 2048)]


def test_an_image_is_pushed_to_and_pulled_from_swift(
    services: Services, processes: Processes, authority: Authority, tmp_path: Path
) -> None:
    user = services.ceph.create_swift_user("images", "swift", "key-of-images")
    config, port = tmp_path / "registry.yml", free_port()
    config.write_text(
        REGISTRY_CONFIG.format(
            auth_url=services.auth_url, user=user, key="key-of-images", container="layers", port=port
        )
    )
    registry = Registry.start(config, {"SSL_CERT_FILE": str(authority.ca_path)}, processes)
    skopeo = Skopeo(tmp_path / "skopeo")
    made = make_image(tmp_path / "image", size=6 << 20)
    reference = f"{registry.address}/library/small:1"
    assert skopeo.copy_in(tmp_path / "image", reference) == made
    assert skopeo.copy_out(reference, tmp_path / "pulled") == made
    registry.stop()
    assert any(entry.name.startswith("segments/") for entry in services.ceph.objects("layers"))
