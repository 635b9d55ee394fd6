"""Reads a kubeconfig with the `kubernetes` package, so that every login that its loader supports works here as well.

Import this module only outside a cluster: the package costs tens of MiB. Its loader writes keys to files; they go to a
directory of our own that is removed before the connection is returned. Its messages quote the kubeconfig, so none of
them is shown.
"""

from __future__ import annotations

import logging
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yaml
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import should_bypass_proxies
from kubernetes.config import ConfigException, kube_config
from pydantic import SecretStr
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from harbor_operator.adapters.kube_connection import TOKEN_LIFETIME_SECONDS, ClusterConnection
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

LOG = logging.getLogger(__name__)
EXPIRY_MARGIN_SECONDS = 60.0
"""How long before its expiry a credential is renewed."""

MIN_VALID_SECONDS = 10.0
_ISSUER_CA = "idp-certificate-authority"
_AUTH_PROVIDERS = ("oidc", "gcp")

Entry = dict[str, Any]


def read_kubeconfig(path: Path, context: str = "") -> ClusterConnection:
    """Returns the connection of the current (or the named) context; runs the exec plugin of its user.

    Raises Unavailable when the file or the login service cannot be reached, Refused when there is no usable login.
    """
    merged = _merge(path)
    name = context or str(merged.config.value.get("current-context") or "")
    selected = _entry(merged, "contexts", name, path)
    cluster = _entry(merged, "clusters", str(selected.get("cluster", "")), path)
    user = _entry(merged, "users", str(selected.get("user", "")), path)
    if not cluster.get("server"):
        raise Refused(Reason.RIGHTS_MISSING, f"the kubeconfig '{path}' has no `server` in its cluster: add it")
    provider = user.get("auth-provider") or {}
    if provider and provider.get("name") not in _AUTH_PROVIDERS:
        text = f"uses the auth provider '{provider.get('name')}', which is not supported: use its `exec` plugin"
        raise Refused(Reason.RIGHTS_MISSING, f"the kubeconfig '{path}' {text}")
    if user.get("tokenFile"):
        user.pop("token", None)  # as kubectl does; the loader would prefer the token
    connection = _load(path, name, merged, user)
    if (provider or user.get("exec")) and not (connection.authorization or connection.client_cert):
        kind = "exec" if user.get("exec") else "auth-provider"
        text = f"`{kind}` of the kubeconfig '{path}' returned no credential: check it with `kubectl auth whoami`"
        raise Refused(Reason.RIGHTS_MISSING, text)
    if connection.insecure_skip_tls_verify:
        LOG.warning("the API server is not authenticated: the kubeconfig '%s' sets `insecure-skip-tls-verify`", path)
    return connection


def _merge(path: Path) -> Any:
    try:
        merged = kube_config.KubeConfigMerger(str(path))
    except OSError as error:
        raise Unavailable(f"the kubeconfig '{path}' cannot be read: {error.strerror}") from error
    except yaml.YAMLError:
        raise Refused(Reason.RIGHTS_MISSING, f"the kubeconfig '{path}' is not valid YAML: correct it") from None
    except (ConfigException, AttributeError, TypeError, KeyError):
        text = f"the kubeconfig '{path}' is not a kubeconfig: a mapping with `clusters`, `contexts` and `users`"
        raise Refused(Reason.RIGHTS_MISSING, text) from None
    if merged.config is None:
        raise Unavailable(f"the kubeconfig '{path}' cannot be read: it does not exist")
    return merged


def _entry(merged: Any, section: str, name: str, path: Path) -> Entry:
    for node in merged.config.value.get(section) or []:
        if node.value.get("name") == name:
            content: Entry = node.value.get(section.removesuffix("s")) or {}
            return content
    raise Refused(Reason.RIGHTS_MISSING, f"the kubeconfig '{path}' has no entry '{name}' in `{section}`: add it")


def _load(path: Path, context: str, merged: Any, user: Entry) -> ClusterConnection:
    with tempfile.TemporaryDirectory(prefix="harbor-operator-") as directory, _errors_without_content(path):
        persist = _verify_issuer(user, merged)
        loader = kube_config.KubeConfigLoader(
            merged.config, context, config_base_path=None, config_persister=persist, temp_file_path=directory
        )
        configuration = Configuration()
        try:
            loader.load_and_set(configuration)
            return _connection(configuration, loader, user, partial(read_kubeconfig, path, context))
        finally:
            _forget_files(directory)


def _forget_files(directory: str) -> None:
    # The package remembers the content of every file it wrote and has no public way to forget it. Only the files of
    # this read are forgotten: another user of the package in this process still needs its own.
    files = kube_config._temp_files  # noqa: SLF001
    for content in [content for content, name in files.items() if Path(name).is_relative_to(directory)]:
        del files[content]


def _connection(configuration: Any, loader: Any, user: Entry, reload: partial[ClusterConnection]) -> ClusterConnection:
    authorization = configuration.api_key.get("BearerToken")
    key = _text(configuration.key_file)
    return ClusterConnection(
        server=configuration.host,
        authorization=SecretStr(authorization) if authorization else None,
        ca_data=_text(configuration.ssl_ca_cert),
        client_cert=_text(configuration.cert_file),
        client_key=SecretStr(key) if key else None,
        tls_server_name=configuration.tls_server_name,
        insecure_skip_tls_verify=not configuration.verify_ssl,
        proxy_url=_proxy(configuration, is_explicit="proxy" in vars(loader)),
        valid_seconds=_valid_seconds(getattr(loader, "expiry", None), user),
        reload=reload,
    )


def _proxy(configuration: Any, *, is_explicit: bool) -> str | None:
    # As in kubectl, `proxy-url` is always used; NO_PROXY limits the proxy of the environment only.
    proxy: str | None = configuration.proxy or None
    if proxy and not is_explicit and should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        return None
    if proxy and urlsplit(proxy).scheme not in {"http", "https"}:
        raise Refused(Reason.RIGHTS_MISSING, "the proxy of the kubeconfig is not an http:// or https:// URL: use one")
    return proxy


def _valid_seconds(expiry: datetime | None, user: Entry) -> float | None:
    if expiry is not None:
        left = (expiry - datetime.now(UTC)).total_seconds() - EXPIRY_MARGIN_SECONDS
        return max(left, MIN_VALID_SECONDS)
    return TOKEN_LIFETIME_SECONDS if user.get("tokenFile") or user.get("auth-provider") else None


def _verify_issuer(user: Entry, merged: Any) -> Any:
    """Makes the loader check the certificate of an OIDC issuer without a CA of its own; returns the persister.

    The loader would send the refresh token over unverified TLS. A refreshed token is written back, as kubectl does,
    because the issuer may accept a refresh token only once.
    """
    config = (user.get("auth-provider") or {}).get("config") or {}
    is_added = bool(config) and not {_ISSUER_CA, f"{_ISSUER_CA}-data"} & config.keys()
    if is_added:
        config[_ISSUER_CA] = ssl.get_default_verify_paths().cafile or DEFAULT_CA_BUNDLE_PATH

    def persist() -> None:
        if is_added:
            config.pop(_ISSUER_CA, None)
        try:
            merged.save_changes()
        except OSError as error:
            LOG.warning("the refreshed token was not written to the kubeconfig: %s", error.strerror)

    return persist


@contextmanager
def _errors_without_content(path: Path) -> Iterator[None]:
    try:
        yield
    except (Refused, Unavailable):
        raise
    except (OSError, urllib3.exceptions.HTTPError) as error:
        text = f"the login of the kubeconfig '{path}' failed: {type(error).__name__}"
        raise Unavailable(text) from None
    except Exception as error:  # noqa: BLE001 - the loader lets errors of its libraries through
        text = f"the kubeconfig '{path}' cannot be used ({type(error).__name__}): check it with `kubectl auth whoami`"
        raise Refused(Reason.RIGHTS_MISSING, text) from None


def _text(path: str | None) -> str | None:
    return Path(path).read_text(encoding="utf-8") if path else None
