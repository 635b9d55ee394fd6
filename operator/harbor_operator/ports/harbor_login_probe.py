"""Harbor's own tests of the servers through which people log in."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.authentication import LdapConnection
from harbor_operator.model.harbor import HarborEndpoint


class HarborLoginProbe(Protocol):
    """What Harbor can reach; `endpoint` carries the administrator's login. Nothing is changed.

    Every call has a deadline and raises as the port `Harbor` does, so Refused(REGISTRY_READ_ONLY) in read-only mode.
    """

    async def try_oidc(self, endpoint: HarborEndpoint, url: str, *, verify: bool) -> bool:
        """Returns whether Harbor itself can read the metadata of the OpenID provider."""
        ...

    async def try_ldap(self, endpoint: HarborEndpoint, connection: LdapConnection) -> str:
        """Returns why Harbor itself cannot log in to the LDAP server, or an empty text."""
        ...

    async def try_ldap_search(self, endpoint: HarborEndpoint) -> bool:
        """Returns whether Harbor can search for a user with its present LDAP settings."""
        ...
