"""Settings come from the environment once; an invalid one is named and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from harbor_operator.log_format import LogFormat
from harbor_operator.settings import Settings, SettingsError, read_settings

LOGIN = "user:s3cr3t"


def test_an_empty_environment_means_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_our_variables_win_over_those_of_the_cluster() -> None:
    environment = {
        "HOSTNAME": "pod-7",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
        "HARBOR_OPERATOR_IDENTITY": "replica-1",
        "HARBOR_OPERATOR_WORKERS": "8",
        "HARBOR_OPERATOR_HELM": "/usr/local/bin/helm",
        "HARBOR_OPERATOR_CHARTS_DIR": "",
        "HARBOR_OPERATOR_LOG_FORMAT": "json",
    }
    settings = read_settings(environment)
    assert (settings.identity, settings.workers, settings.helm) == ("replica-1", 8, Path("/usr/local/bin/helm"))
    assert (settings.api_host, settings.api_port, settings.charts_dir) == ("10.96.0.1", 6443, None)
    assert settings.log_format is LogFormat.JSON


@pytest.mark.parametrize(
    "name",
    [
        "WORKERS",
        "LISTEN_PORT",
        "LOG_LEVEL",
        "CHART_SOURCES",
        "LOG_FORMAT",
        "ALLOWED_HOSTS",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "POSTGRES_MD5",
        "PULL_PROOF_NAMESPACES",
        "PULL_PROOF_INTERVAL_SECONDS",
        "NO_SUCH_THING",
    ],
)
def test_an_invalid_variable_is_named_and_its_value_is_not_shown(name: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({f"HARBOR_OPERATOR_{name}": "user:hunter2@ "})
    assert f"HARBOR_OPERATOR_{name}" in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "namespaces"), [("intra", ("intra",)), ("intra, registry-*,", ("intra", "registry-*")), ("", ())]
)
def test_the_granted_namespaces_are_a_list(value: str, namespaces: tuple[str, ...]) -> None:
    """Finding S5: without the setting, no registry may inject."""
    assert read_settings({"HARBOR_OPERATOR_INJECTION_NAMESPACES": value}).injection_namespaces == namespaces


def test_the_proxy_of_the_pod_is_the_one_of_helm() -> None:
    """Finding F8."""
    environment = {
        "HTTPS_PROXY": "http://proxy:3128",
        "NO_PROXY": ".svc,10.0.0.0/8",
        "HARBOR_OPERATOR_HTTP_PROXY": "http://other:3128",
    }
    assert read_settings(environment).helm_environment() == {
        "HTTPS_PROXY": "http://proxy:3128",
        "HTTP_PROXY": "http://other:3128",
        "NO_PROXY": ".svc,10.0.0.0/8",
    }


@pytest.mark.parametrize("upper", [True, False])
def test_the_clients_get_the_proxy_of_the_environment(upper: bool) -> None:
    """Finding F8: Go, curl and the images of many clusters use either case."""
    environment = {
        "HTTPS_PROXY": f"http://{LOGIN}@proxy:3128",
        "HTTP_PROXY": "plain:3128",
        "NO_PROXY": ".svc,10.0.0.0/8",
    }
    settings = read_settings({name if upper else name.lower(): value for name, value in environment.items()})
    rules = settings.egress().proxies
    proxy, plain = rules.proxy_of("https://cr.example.com"), rules.proxy_of("http://cr.example.com")
    assert proxy is not None
    assert plain is not None
    assert (proxy.address, plain.address) == ("proxy:3128", "plain:3128")
    assert rules.proxy_of("https://harbor.intra.svc") is rules.proxy_of("http://10.1.2.3:9000") is None
    assert settings.helm_environment()["HTTPS_PROXY"] == f"http://{LOGIN}@proxy:3128"
    assert "s3cr3t" not in repr(settings)


def test_upper_case_wins_over_lower_case_and_our_variable_over_both() -> None:
    environment = {"HTTPS_PROXY": "upper:1", "https_proxy": "lower:1"}
    assert read_settings(environment).https_proxy.get_secret_value() == "upper:1"
    ours = read_settings(environment | {"HARBOR_OPERATOR_HTTPS_PROXY": "ours:1"})
    assert ours.https_proxy.get_secret_value() == "ours:1"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "http_proxy", "KUBERNETES_SERVICE_PORT"])
def test_an_invalid_variable_of_the_environment_is_named_as_it_is_set(variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable}: ") as error:
        read_settings({variable: f"socks5://{LOGIN}@proxy"})
    assert LOGIN not in str(error.value)


def test_without_a_list_every_host_is_allowed_and_no_proxy_is_used() -> None:
    egress = read_settings({}).egress()
    assert egress.hosts.allows("anything", 1)
    assert egress.proxies.proxy_of("https://cr.example.com") is None


def test_the_allowed_hosts_are_a_list() -> None:
    """Finding S6."""
    hosts = read_settings({"HARBOR_OPERATOR_ALLOWED_HOSTS": "pg.example.com:5432"}).egress().hosts
    assert hosts.allows("pg.example.com", 5432)
    assert not hosts.allows("other.example.com", 5432)


def test_helm_gets_additional_authorities_with_and_without_a_proxy() -> None:
    """Finding F8."""
    authorities = {"HARBOR_OPERATOR_HELM_CA_FILE": "/etc/ca.crt"}
    assert read_settings(authorities).helm_environment() == {"SSL_CERT_FILE": "/etc/ca.crt"}
    proxy = {"HTTPS_PROXY": "http://proxy:3128"}
    given = read_settings(authorities | proxy).helm_environment()
    assert given.items() >= {"SSL_CERT_FILE": "/etc/ca.crt", **proxy}.items()


def test_without_a_proxy_helm_gets_no_proxy_variable() -> None:
    """Finding F8."""
    assert read_settings({"NO_PROXY": "x"}).helm_environment() == {}
