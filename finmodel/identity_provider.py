"""The identity provider of a lender, at which its people may sign in beside here (OpenID Connect).

The environment comes in, where to ask and as whom goes out. Asks nobody anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from finmodel.errors import BadInput


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Where it is and what we are there; nowhere while `issuer` is empty."""

    issuer: str = ""
    """Its address, as its own tokens write it: https, or http on this machine."""
    client: str = ""
    """Our name there (client id)."""
    secret: str = field(default="", repr=False)
    """Our secret there; empty for a public client, which PKCE protects alone."""

    @property
    def host(self) -> str:
        """For people to see."""
        return urlsplit(self.issuer).netloc

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        return loopback(urlsplit(self.issuer).hostname or "")

    @property
    def env(self) -> dict[str, str]:
        """As `provider_of` reads it."""
        return {
            "FINMODEL_OIDC_ISSUER": self.issuer,
            "FINMODEL_OIDC_CLIENT": self.client,
            "FINMODEL_OIDC_SECRET": self.secret,
        }


def provider_of(env: Mapping[str, str]) -> IdentityProvider:
    """What the environment names; BadInput where half of it is missing or would be sent in clear.

    >>> provider_of({"FINMODEL_OIDC_ISSUER": "https://id.example/", "FINMODEL_OIDC_CLIENT": "desk"})
    IdentityProvider(issuer='https://id.example/', client='desk')
    >>> provider_of({}).issuer
    ''
    """
    issuer, client = env.get("FINMODEL_OIDC_ISSUER", ""), env.get("FINMODEL_OIDC_CLIENT", "")
    if not issuer:
        return IdentityProvider()
    if not kept_secret(issuer) or "?" in issuer:
        raise BadInput(
            f"{issuer.rpartition('@')[2]!r} is no address that keeps what is sent there secret",
            where="FINMODEL_OIDC_ISSUER",
            remedy="give https://…, without a name, a query or a fragment",
        )
    if not client:
        raise BadInput(
            "there is an issuer and no client",
            where="FINMODEL_OIDC_CLIENT",
            remedy="give the client id under which the identity provider knows this platform",
        )
    return IdentityProvider(issuer, client, env.get("FINMODEL_OIDC_SECRET", ""))


def kept_secret(address: str) -> bool:
    """Whether an address is reached by TLS, or does not leave this machine.

    >>> [kept_secret(one) for one in ("https://a/b?c", "http://[::1]:80", "http://a", "https://[")]
    [True, True, False, False]
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if "@" in parts.netloc or parts.fragment or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and loopback(parts.hostname))


def loopback(host: str) -> bool:
    """Whether nobody but this machine reaches an address.

    >>> loopback("127.0.0.1"), loopback("localhost"), loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
