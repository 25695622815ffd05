"""Signing in through an OpenID Connect provider: the code flow with PKCE, and an ID token that is checked in full.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636; RFC 9700 for what the flow is protected against.
"""

import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import HTTPError

from barberlab.errors import BadInput
from barberlab.serve import people, users
from barberlab.serve.login import welcome
from barberlab.serve.pages import Own
from barberlab.serve.people import Person
from barberlab.serve.watch import log

NAME = "provider.json"
ALGORITHMS = ("RS256", "ES256")
_COOKIE, _LASTS_S, _MOST_PENDING = "barberlab_provider", 600.0, 1000
_LEEWAY_S, _ANSWERS_IN_S, _LONGEST = 60, 10.0, 256 * 1024
_KEYS = {"issuer", "client_id", "client_secret", "scope", "rights_claim"}


@dataclass(frozen=True)
class Settings:
    """The provider, as its administrator gave it. rights_claim: the claim that holds role and networks; empty where
    rights stand in the users' file, by the provider's `sub`."""

    issuer: str
    client_id: str
    client_secret: str
    scope: str = "openid"
    rights_claim: str = ""

    def __post_init__(self):
        where = urlsplit(self.issuer)
        if where.scheme != "https" and where.hostname not in ("127.0.0.1", "localhost"):
            raise BadInput(f"{NAME}: issuer must be an https address")


def settings(folder: Path) -> Settings | None:
    """What provider.json beside the users' file says; None without it. Raises BadInput."""
    place = folder / NAME
    try:
        users.check_private(place, place.stat())
        said = json.loads(place.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise BadInput(f"{NAME}: is not JSON") from None
    if not isinstance(said, dict) or not {"issuer", "client_id", "client_secret"} <= set(said) <= _KEYS:
        raise BadInput(f"{NAME}: must have issuer, client_id and client_secret, and may have scope and rights_claim")
    return Settings(**{key: str(value) for key, value in said.items()})


@dataclass(frozen=True)
class _Pending:
    browser: str
    verifier: str
    nonce: str
    began: float


class Provider:
    """One identity provider, and the sign-ins that are on their way. back: this server's address to come back to."""

    def __init__(self, settings: Settings, back: str):
        self.settings, self.back = settings, back
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._about: dict[str, Any] | None = None

    async def leave(self, browser: str) -> str:
        """The provider's address to send a browser to; `browser` is what its cookie will say when it comes back."""
        about = await self._discovered()
        state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        self._pending[state] = _Pending(browser, verifier, nonce, time.monotonic())
        while len(self._pending) > _MOST_PENDING:
            self._pending.popitem(last=False)
        return prepare_grant_uri(
            about["authorization_endpoint"], self.settings.client_id, "code", self.back, self.settings.scope, state,
            nonce=nonce, code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
        )  # fmt: skip

    async def arrived(self, state: str, code: str, browser: str) -> dict[str, Any]:
        """The claims of whoever came back; raises HTTPError 403 for a way back that was not begun here, by them."""
        pending = self._pending.pop(state, None)
        is_theirs = pending and browser and secrets.compare_digest(pending.browser, browser)
        if not is_theirs or time.monotonic() - pending.began > _LASTS_S:
            raise HTTPError(403)
        about = await self._discovered()
        answer = await self._token(about["token_endpoint"], code, pending.verifier)
        keys = KeySet.import_key_set(await _fetched(about["jwks_uri"]))
        return claims(answer.get("id_token"), keys, self.settings, pending.nonce)

    async def _discovered(self) -> dict[str, Any]:
        if self._about is None:
            about = await _fetched(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            # Another issuer's endpoints would get our codes (mix-up).
            if about.get("issuer") != self.settings.issuer:
                raise HTTPError(503)
            self._about = about
        return self._about

    async def _token(self, address: str, code: str, verifier: str) -> dict[str, Any]:
        said = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.back, "code_verifier": verifier}
        own = {"auth_username": self.settings.client_id, "auth_password": self.settings.client_secret}
        return await _fetched(address, method="POST", body=urlencode(said), **own)


def claims(token: object, keys: KeySet, settings: Settings, nonce: str, now: int | None = None) -> dict[str, Any]:
    """The claims of an ID token: signed by one of `keys`, by an allowed algorithm, for us, from them, now, once.

    Raises HTTPError 403 for any other, and says nothing of which.
    """
    wanted = {"iss": settings.issuer, "nonce": nonce}
    exact = {name: {"essential": True, "value": value} for name, value in wanted.items()}
    registry = jwt.JWTClaimsRegistry(
        now, _LEEWAY_S, **exact, aud={"essential": True, "value": settings.client_id},
        exp={"essential": True}, iat={"essential": True}, sub={"essential": True},
    )  # fmt: skip
    try:
        found = jwt.decode(str(token), keys, algorithms=list(ALGORITHMS)).claims
        registry.validate(found)
    except (JoseError, ValueError, TypeError):
        raise HTTPError(403) from None
    is_for_several = isinstance(found["aud"], list) and len(found["aud"]) > 1
    if (is_for_several or "azp" in found) and found.get("azp") != settings.client_id:
        raise HTTPError(403)
    return found


def person(found: dict[str, Any], settings: Settings, known: users.Users) -> tuple[Person, bool]:
    """Whose claims they are, and whether the rights came with them; raises HTTPError 403 for somebody without any."""
    own = known.by_subject(found["sub"])
    if own is not None or not settings.rights_claim:
        if own is None:
            raise HTTPError(403)
        return own, False
    try:
        said = found[settings.rights_claim]
        return people.of_json(f"p-{secrets.token_hex(8)}", said), True
    except (KeyError, BadInput):
        raise HTTPError(403) from None


async def _fetched(address: str, **how: Any) -> dict[str, Any]:
    client = AsyncHTTPClient()
    try:
        answer = await client.fetch(
            address, follow_redirects=False, request_timeout=_ANSWERS_IN_S, connect_timeout=_ANSWERS_IN_S, **how
        )
        if len(answer.body) > _LONGEST:
            raise ValueError
        found = json.loads(answer.body)
    except HTTPClientError as error:
        # The provider's no is a no; that it cannot be reached is not the visitor's fault.
        raise HTTPError(403 if error.code in (400, 401) else 503) from None
    except (OSError, ValueError):
        raise HTTPError(503) from None
    if not isinstance(found, dict):
        raise HTTPError(503)
    return found


class Start(Own):
    """The way to the provider."""

    async def get(self) -> None:
        """Send the browser there, with a mark of its own."""
        provider = self.settings["provider"]
        if provider is None:
            raise HTTPError(404)
        browser = secrets.token_urlsafe(32)
        away = await provider.leave(browser)
        how = {"httponly": True, "samesite": "Lax", "secure": self.settings["is_secure"], "path": "/provider"}
        self.set_signed_cookie(_COOKIE, browser, expires_days=None, **how)
        self.redirect(away)


class Back(Own):
    """The way back."""

    async def get(self) -> None:
        """Sign in whoever the provider vouches for."""
        provider = self.settings["provider"]
        if provider is None:
            raise HTTPError(404)
        browser = (self.get_signed_cookie(_COOKIE, max_age_days=1) or b"").decode()
        self.clear_cookie(_COOKIE, path="/provider")
        state, code = self.get_query_argument("state", ""), self.get_query_argument("code", "")
        found = await provider.arrived(state, code, browser)
        who, provided = person(found, provider.settings, self.settings["users"])
        self.settings["watch"].signed_in.labels("provider").inc()
        log("sign-in", outcome="provider")
        welcome(self, who, provided)
