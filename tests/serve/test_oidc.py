"""Signing in through an OpenID Connect provider: whoever it vouches for, this way round, once, and nobody else."""

import base64
import hmac
import json
import re
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import oidc_provider_mock
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from tornado.web import HTTPError

from barberlab.errors import BadInput
from barberlab.serve import gate, oidc
from barberlab.serve.oidc import Settings
from barberlab.serve.people import Person
from barberlab.serve.users import Users
from serve import house

OURS = Settings("https://id.example", "barberlab", "secret")
NOW = 1_750_000_000
GOOD = {"iss": OURS.issuer, "aud": "barberlab", "sub": "s1", "nonce": "n", "iat": NOW, "exp": NOW + 300}


@pytest.fixture(scope="module")
def key() -> RSAKey:
    """The provider's."""
    return RSAKey.generate_key(2048, {"kid": "k1"})


def signed(key, claims: dict, **header: str) -> str:
    """An ID token."""
    head = {"alg": "RS256", "kid": "k1"} | header
    return jwt.encode(head, claims, key, algorithms=[head["alg"]])


def read(token: object, key) -> dict:
    """As the server reads it."""
    return oidc.claims(token, KeySet([key]), OURS, "n", NOW)


def test_a_good_token_is_read(key):
    assert read(signed(key, GOOD), key)["sub"] == "s1"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"}, {"aud": "another"}, {"aud": ["another", "third"]}, {"nonce": "other"},
        {"exp": NOW - 120}, {"iat": NOW + 600}, {"sub": None}, {"exp": None}, {"nonce": None}, {"aud": None},
        {"aud": ["barberlab", "another"]}, {"azp": "another"}, {"exp": "soon"},
    ],
)  # fmt: skip
def test_a_token_for_others_of_others_or_of_another_time_is_refused(key, change):
    claims = {name: value for name, value in (GOOD | change).items() if value is not None}
    with pytest.raises(HTTPError) as refused:
        read(signed(key, claims), key)
    assert refused.value.status_code == 403


def test_a_token_that_is_signed_by_nobody_or_another_or_by_a_public_key_is_refused(key):
    other = signed(RSAKey.generate_key(2048, {"kid": "k1"}), GOOD)
    # HS256 with the public key as the secret: what a library that asks the token for its algorithm falls for.
    told = by_hand({"alg": "HS256", "kid": "k1"})
    confused = f"{told}.{base64url(hmac.digest(key.as_pem(private=False), told.encode(), 'sha256'))}"
    unsigned, good = f"{by_hand({'alg': 'none'})}.", signed(key, GOOD)
    for token in (unsigned, other, confused, good[:-4] + "AAAA", "", None, "a.b.c"):
        with pytest.raises(HTTPError):
            read(token, key)


def by_hand(header: dict) -> str:
    """The first two parts of a token, by no library that would refuse to make them."""
    return ".".join(base64url(json.dumps(part).encode()) for part in (header, GOOD))


def base64url(data: bytes) -> str:
    """As tokens have it, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_an_elliptic_key_serves_as_well():
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    assert read(signed(key, GOOD, alg="ES256"), key)["sub"] == "s1"


def test_rights_come_from_the_users_file_or_from_the_claim_that_was_named(tmp_path):
    users = Users(tmp_path / "users.json")
    users.add(Person("mina", "manager", {"north": frozenset({"north-01"})}), subject="s1")
    assert oidc.person({"sub": "s1"}, OURS, users)[0].name == "mina"
    with pytest.raises(HTTPError):
        oidc.person({"sub": "s2"}, OURS, users)
    named = Settings(OURS.issuer, "barberlab", "secret", rights_claim="barber")
    said = {"role": "owner", "networks": {"north": ["north-02"]}}
    who, provided = oidc.person({"sub": "s2", "barber": said}, named, users)
    assert (who.role, who.networks["north"], provided) == ("owner", frozenset({"north-02"}), True)
    for wrong in (
        None,
        "franchisor",
        {"role": "emperor", "networks": {}},
        {"role": "manager", "networks": {"north": None}},
    ):
        with pytest.raises(HTTPError):
            oidc.person({"sub": "s2", "barber": wrong}, named, users)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"issuer": "http://id.example", "client_id": "a", "client_secret": "b"}, "https address"),
        ({"issuer": "https://id.example", "client_id": "a"}, "must have"),
        ({"issuer": "https://id.example", "client_id": "a", "client_secret": "b", "verify": False}, "must have"),
    ],
)
def test_a_provider_that_is_not_told_whole_is_refused(tmp_path, said, why):
    (tmp_path / oidc.NAME).touch(0o600)
    (tmp_path / oidc.NAME).write_text(json.dumps(said))
    with pytest.raises(BadInput, match=why):
        oidc.settings(tmp_path)


def test_a_providers_secret_that_others_can_read_is_refused(tmp_path):
    (tmp_path / oidc.NAME).write_text("{}")
    (tmp_path / oidc.NAME).chmod(0o644)
    with pytest.raises(BadInput, match="others can open it"):
        oidc.settings(tmp_path)


@pytest.fixture(scope="module")
def provided():
    """A server whose people come through a provider on loopback."""
    with (
        oidc_provider_mock.run_server_in_thread(require_nonce=True) as provider,
        tempfile.TemporaryDirectory(prefix="bl-") as root,
    ):
        said = {
            "issuer": f"http://localhost:{provider.server_port}",
            "client_id": "barberlab",
            "client_secret": "secret",
        }
        state = Path(root) / "state"
        state.mkdir(mode=0o700)
        (state / oidc.NAME).touch(0o600)
        (state / oidc.NAME).write_text(json.dumps(said))
        with house.serving(Path(root)) as server:
            server.users.add(Person("paul", "manager", {"north": frozenset({"north-01"})}), subject="paul@provider")
            yield server


def approved(address: str, subject: str) -> str:
    """Where the provider sends the browser back to, when `subject` has signed in there."""
    request = urllib.request.Request(address, urlencode({"sub": subject}).encode())
    opener = urllib.request.build_opener(_Stay())
    answer = opener.open(request)
    return answer.headers["Location"]


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, request, file, code, message, headers):
        """Say where to go, and stay."""
        file.status = code
        return urllib.request.addinfourl(file, headers, request.full_url, code)


def _back(location: str) -> str:
    return f"{urlsplit(location).path}?{urlsplit(location).query}"


def test_whoever_the_provider_vouches_for_is_in(provided):
    visitor = provided.visitor()
    assert "/provider/start" in visitor.get("/login").text
    away = visitor.get("/provider/start").headers["location"]
    asked = parse_qs(urlsplit(away).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert re.fullmatch(r"[\w-]{43}", asked["code_challenge"][0])
    back = _back(approved(away, "paul@provider"))
    assert visitor.get(back).status == 303
    assert visitor.get("/n/north/shop/shop/north-01.html").status == 200
    assert visitor.get("/n/north/shop/shop/north-02.html").status == 404
    # The same way back a second time is none.
    assert visitor.get(back).status == 403


def test_a_way_back_that_another_browser_began_is_refused(provided):
    """Otherwise a victim could be signed in as the attacker."""
    attacker, victim = provided.visitor(), provided.visitor()
    back = _back(approved(attacker.get("/provider/start").headers["location"], "paul@provider"))
    victim.get("/provider/start")
    assert victim.get(back).status == 403
    assert gate.SESSION_COOKIE not in victim.cookies


def test_somebody_whom_the_provider_knows_and_we_do_not_stays_outside(provided):
    visitor = provided.visitor()
    back = _back(approved(visitor.get("/provider/start").headers["location"], "stranger@provider"))
    assert visitor.get(back).status == 403
    assert visitor.get("/n/north/").status == 302


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?error=access_denied&state=x"])
def test_a_way_back_that_nobody_went_is_refused(provided, query):
    assert provided.visitor().get(f"/provider/back{query}").status == 403


def test_without_a_provider_there_is_no_way_to_one(served):
    assert "/provider/start" not in served.visitor().get("/login").text
    assert served.visitor().get("/provider/start").status == 404
    assert served.visitor().get("/provider/back?state=x&code=y").status == 404
