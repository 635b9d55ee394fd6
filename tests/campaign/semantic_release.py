"""Chart versions, chart values and a Harbor that are not as the spec needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from harbor_operator.model.reachability import Certificate, Component, UploadResult, V2Response
from tests.campaign.deployment import NAMESPACE
from tests.campaign.model import REMOVED
from tests.campaign.schema import Spec
from tests.campaign.semantic import Change, SemanticCase, on


def release_cases() -> Iterator[SemanticCase]:
    """Yields the cases of the Helm release, and of the Harbor that runs."""
    yield from (*_release(), *_harbor(), *_configuration())


OWNED: Mapping[str, Any] = {
    "externalURL": "https://other.example.com",
    "harborAdminPassword": "Other-pass-1",
    "existingSecretAdminPassword": "other",
    "secretKey": "fedcba9876543210",
    "database": {"external": {"host": "other"}},
    "redis": {"external": {"addr": "other:6379"}},
    "persistence": {"imageChartStorage": {"type": "s3"}},
    "expose": {"type": "nodePort"},
    "registry": {"credentials": {"password": "Other-pass-1"}},
    "core": {"secret": "other-secret-0123"},
}
"""Chart values that the operator sets itself."""


def _release() -> Iterator[SemanticCase]:
    for version in ("1.18.4", "1.17.4", "1.16.4", "1.15.2", "1.2.0", "1.20.0", "1.22.0", "2.0.0", "1.19.99"):
        yield SemanticCase(
            f"release: {version}", spec={"release": {"version": version}}, words=(version, "chart"), ready=None
        )
    for key, value in OWNED.items():
        yield SemanticCase(
            f"release: owned value {key}", spec={"release": {"values": {key: value}}}, words=(key,), ready=None
        )
        yield SemanticCase(
            f"release: owned value {key} in a ConfigMap",
            (_config_map(f"{key}: {value!r}\n" if isinstance(value, str) else f"{key}: {value}\n"),),
            words=(key, "values"),
            ready=None,
        )
    for name, text in {
        "no mapping": "- a\n",
        "no YAML": "a: [\n",
        "an unknown key": "unknownKey: 1\n",
        "an anchor": "a: &a 1\nb: *a\n",
    }.items():
        yield SemanticCase(
            f"release: values are {name}", (_config_map(text),), words=("values", "unknownKey", "ConfigMap"), ready=None
        )
    missing = Change(lambda servers: servers.kube.config_maps, (NAMESPACE, "values"), REMOVED)
    yield SemanticCase("release: no ConfigMap", (missing,), words=("values",))
    chart = Change(lambda servers: servers.helm, "missing_charts", {"absent"})
    yield SemanticCase("release: no chart", (chart,), {"release": {"chart": "absent"}}, words=("absent", "chart"))
    for kind in ("clusterIP", "nodePort", "loadBalancer"):
        yield SemanticCase(
            f"release: {kind}", spec={"expose": {"type": kind, "ingressClassName": None}}, ready=None, words=("expose",)
        )
    for url in ("https://new.example.com", "https://cr.example.com:8443", "http://cr.example.com"):
        yield SemanticCase(f"release: URL {url}", spec={"externalURL": url}, ready=None, words=("externalURL", url))


def _config_map(text: str) -> Change:
    return Change(lambda servers: servers.kube.config_maps, (NAMESPACE, "values"), {"values.yaml": text})


def _harbor() -> Iterator[SemanticCase]:
    def case(name: str, *words: str, ready: bool | None = False, **attributes: Any) -> SemanticCase:
        return SemanticCase(f"Harbor: {name}", on("harbor", **attributes), words=words, ready=ready)

    yield case("down", "reached", down=True)
    yield case("read-only", "read-only", "readOnly", read_only=True, ready=None)
    yield case("no certificate", "certificate", certificate=None, ready=None)
    yield case(
        "another name in the certificate",
        "certificate",
        certificate=Certificate(("other",), datetime(2030, 1, 1, tzinfo=UTC)),
        ready=None,
    )
    yield case(
        "an expired certificate",
        "certificate",
        certificate=Certificate(("cr.example.com",), datetime(2020, 1, 1, tzinfo=UTC)),
        ready=None,
    )
    yield case(
        "another realm",
        "externalURL",
        "token",
        v2_response=V2Response(401, 'Bearer realm="https://other/service/token",service="harbor-registry"'),
        ready=None,
    )
    yield case("no challenge", "v2", v2_response=V2Response(404, ""))
    yield case(
        "an unhealthy part",
        "jobservice",
        health=(Component("core", healthy=True), Component("jobservice", healthy=False)),
    )
    yield case("a proxy that refuses bodies", "body", "413", max_body=1 << 20, ready=None)
    yield case("a failing upload", "upload", upload=UploadResult(500), ready=None)
    yield case("no tokens", "token", "robot", accepts_tokens=False, ready=None)
    yield case("anyone creates projects", "project", project_creation="everyone", ready=True)
    yield case("another prefix of robots", "robot", prefix="bot+", ready=None)
    yield case("another password of admin", "admin", accounts={"admin": ("Changed-pass-1", True)})


def _configuration() -> Iterator[SemanticCase]:
    yield SemanticCase(
        "Harbor: a fixed configuration",
        on("settings", is_fixed=True),
        ready=None,
        words=("CONFIG_OVERWRITE_JSON", "setting"),
    )
    members: tuple[Spec, ...] = ({"user": "nemo", "role": "Guest"}, {"ldapGroup": "cn=x,dc=example", "role": "Guest"})
    for member in members:
        projects = {"projects": [{"name": "team-a", "members": [member]}]}
        yield SemanticCase(f"Harbor: member {member}", spec=projects, words=tuple(member.values()), ready=None)
    yield SemanticCase(
        "Harbor: no endpoint", spec={"projects": [{"name": "mirror", "proxyCache": "gone"}]}, words=("gone",)
    )
    yield SemanticCase("Harbor: fewer projects", spec={"projects": [{"name": "team-a"}]}, ready=None, words=("team",))
    yield SemanticCase("Harbor: no projects", spec={"projects": None}, ready=True)
    for section in (
        "configuration",
        "garbageCollection",
        "purgeAudit",
        "scanAll",
        "authentication",
        "registries",
        "replications",
    ):
        yield SemanticCase(f"Harbor: no {section}", spec={section: None}, ready=None, words=("hub",))
