"""Whose word the app takes for who is asking: a verified token's, and nobody else's."""

import json
import time
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import jwt
import pytest

from tests.acceptance.support import App, Browser, Demo, message
from tests.acceptance.tokens import (
    PUBLISHED,
    SignInService,
    claims,
    forged,
    public_pem,
    published,
    sign_in_service,
    signed,
)

LISTING = {"type": "threads.list", "params": {}}
HMAC = {"alg": "HS256", "typ": "JWT"}
ISSUER, AUDIENCE = "https://sign-in.example", "chat"
GUARDED = (
    ("POST", "/chatkit"),
    ("GET", "/api/conversations"),
    ("POST", "/api/conversations"),
    ("GET", "/api/conversations/thr_1/messages"),
    ("POST", "/api/conversations/thr_1/messages"),
    ("GET", "/api/conversations/thr_1/feedback"),
    ("GET", "/attachments/atc_1/download-url"),
)


@pytest.fixture(scope="module")
def app(database) -> Iterator[App]:
    with App(DATABASE_URL=database) as app:
        yield app


@pytest.fixture(scope="module")
def service() -> Iterator[SignInService]:
    with sign_in_service() as service:
        yield service


@pytest.fixture(scope="module")
def app_of_service(database, service) -> Iterator[App]:
    settings = {"CHATKIT_JWKS_URL": service.url, "CHATKIT_JWT_ISSUER": ISSUER, "CHATKIT_JWT_AUDIENCE": AUDIENCE}
    with App(DATABASE_URL=database, CHATKIT_JWT_SECRET="", **settings) as app:
        yield app


def ask(app: Demo, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{app.address}/chatkit", json=LISTING, headers=headers)


def is_refused(response: httpx.Response) -> bool:
    challenge = response.headers.get("WWW-Authenticate", "")
    return response.status_code == HTTPStatus.UNAUTHORIZED and challenge.startswith("Bearer")


def own(secret: str = App.SECRET, **changed) -> str:
    return jwt.encode(claims(**changed), secret, "HS256")


def of_service(**changed) -> str:
    return signed(**{"iss": ISSUER, "aud": AUDIENCE} | changed)


def tampered(token: str) -> str:
    header, _, signature = token.split(".")
    return ".".join((header, own(sub="bob").split(".")[1], signature))


def test_a_token_signed_with_the_secret_is_believed(app):
    assert ask(app, own()).is_success


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_token_nothing_is_answered(app, method, path):
    response = httpx.request(method, app.address + path, json=LISTING)
    assert is_refused(response)
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json() == {"detail": "Sign in first."}


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"Authorization": own()}, id="no scheme"),
        pytest.param({"Authorization": f"Basic {own()}"}, id="another scheme"),
        pytest.param({"Authorization": "Bearer"}, id="no token"),
        pytest.param({"Cookie": f"token={own()}; Authorization=Bearer {own()}"}, id="a cookie"),
        pytest.param({"X-Forwarded-User": "alice", "X-User-Id": "alice"}, id="headers of a proxy"),
    ],
)
def test_a_token_comes_in_its_header_or_not_at_all(app, header):
    assert is_refused(httpx.post(f"{app.address}/chatkit", json=LISTING, headers=header))


FORGERIES = {
    "no token at all": "Quokka",
    "empty parts": "..",
    "unsigned": forged({"alg": "none"}, claims()),
    "unsigned, other letters": forged({"alg": "NoNe"}, claims()),
    "unsigned, but called signed": forged(HMAC, claims()),
    "signature left out": own().rpartition(".")[0] + ".",
    "empty secret": forged(HMAC, claims(), b""),
    "another secret": own("a secret that somebody else has made up"),
    "another algorithm of the same secret": jwt.encode(claims(), App.SECRET * 2, "HS512"),
    "another payload, own signature": tampered(own()),
    "no expiry": own(exp=None),
    "no subject": own(sub=None),
    "empty subject": own(sub=""),
    "subject with a NUL": own(sub="ali\0ce"),
    "subject of half a character": forged(HMAC, claims(sub="\ud800"), App.SECRET.encode()),
    "subject longer than any id": own(sub="a" * 513),
    "not valid yet": own(nbf=int(time.time()) + 600),
    "meant for another app": own(aud="another app"),
    "a key brought along": jwt.encode(
        claims(), "brought along " * 3, "HS256", headers={"jwk": {"kty": "oct", "k": "eA"}}
    ),
    "a header that nests for ever": forged({**HMAC, "x": "y"}, claims()).replace("e", "W1tb" * 5000, 1),
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_is_refused(app, token):
    response = ask(app, token)
    assert is_refused(response)
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.json() == {"detail": "Your sign-in is not valid. Sign in again."}


def test_a_subject_that_is_no_text_is_refused(app):
    token = forged(HMAC, claims(sub=7), App.SECRET.encode())
    assert is_refused(ask(app, token))


def test_an_expired_token_is_said_to_be(app):
    response = ask(app, own(exp=int(time.time()) - 60))
    assert is_refused(response)
    assert response.json() == {"detail": "Your sign-in has expired. Sign in again."}


def test_no_token_is_in_the_log(app):
    token = own("a secret that somebody else has made up")
    assert app.store_calls(lambda: is_refused(ask(app, token))) == []
    assert token not in app.log
    assert token.rpartition(".")[2] not in app.log


def test_nobody_is_signed_in_for_the_asking_unless_that_is_wanted(app):
    assert httpx.post(f"{app.address}/sign-in", json={"name": "alice"}).status_code == HTTPStatus.NOT_FOUND
    assert httpx.get(f"{app.address}/client-settings").json()["sign_in"] == "token"


def test_the_development_sign_in_signs_in(database):
    settings = {"CHATKIT_JWT_ISSUER": ISSUER, "CHATKIT_JWT_AUDIENCE": AUDIENCE, "CHATKIT_DEVELOPMENT_SIGN_IN": "on"}
    with App(DATABASE_URL=database, **settings) as app, Browser(app.address, "Zoë") as browser:
        assert httpx.get(f"{app.address}/client-settings").json()["sign_in"] == "development"
        answer = browser.http.post("/sign-in", json={"name": "Zoë"}).json()
        assert (answer["user_id"], answer["expires_in"]) == ("Zoë", 24 * 3600)
        assert browser.ask("threads.list")["data"] == []
        for name in ("", "  ", "a\0b", "a\nb", "a" * 101, 7, None, "\ud800"):
            # By hand: httpx sends no halves of characters.
            refused = httpx.post(f"{app.address}/sign-in", content=json.dumps({"name": name}))
            assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        claim = {"name": "alice", "sub": "bob"}
        assert httpx.post(f"{app.address}/sign-in", json=claim).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_sign_in_outlives_the_demo_that_issued_it(data_folder):
    with Demo(CHATKIT_DEMO_DATA=str(data_folder)) as demo, Browser(demo.address) as browser:
        token = browser.token
    with Demo(CHATKIT_DEMO_DATA=str(data_folder)) as demo:
        assert ask(demo, token).is_success


def test_two_users_of_two_browsers_never_see_each_other(data_folder):
    with Demo(CHATKIT_DEMO_DATA=str(data_folder)) as demo:
        with Browser(demo.address, "alice") as alice, Browser(demo.address, "bob") as bob:
            theirs = alice.send("threads.create", input=message("title Mine"))[0]["thread"]["id"]
            assert bob.ask("threads.list")["data"] == []
            assert bob.ask("items.list", thread_id=theirs)["data"] == []
        with Browser(demo.address, "alice") as again:
            assert [thread["id"] for thread in again.ask("threads.list")["data"]] == [theirs]


@pytest.mark.parametrize("algorithm", PUBLISHED)
def test_a_token_signed_with_a_published_key_is_believed(app_of_service, algorithm):
    assert ask(app_of_service, of_service(algorithm=algorithm)).is_success


CONFUSIONS = {
    "the public key as a secret": forged(HMAC | {"kid": "RS256"}, claims(iss=ISSUER, aud=AUDIENCE), public_pem()),
    "a public key's number as a secret": forged(
        HMAC | {"kid": "EdDSA"}, claims(iss=ISSUER, aud=AUDIENCE), public_pem("EdDSA")
    ),
    "unsigned": forged({"alg": "none", "kid": "RS256"}, claims(iss=ISSUER, aud=AUDIENCE)),
    "the app's secret": own(iss=ISSUER, aud=AUDIENCE),
    "another kind of key": of_service(algorithm="ES256", key_id="RS256"),
    "a padding that the key is not for": jwt.encode(
        claims(iss=ISSUER, aud=AUDIENCE), PUBLISHED["RS256"][0], "PS256", headers={"kid": "RS256"}
    ),
    "an unknown key": of_service(key_id="made up"),
    "no key": jwt.encode(claims(iss=ISSUER, aud=AUDIENCE), PUBLISHED["RS256"][0], "RS256"),
    "another issuer": of_service(iss="https://elsewhere.example"),
    "no issuer": of_service(iss=None),
    "another audience": of_service(aud="another app"),
    "no audience": of_service(aud=None),
    "expired": of_service(exp=int(time.time()) - 60),
    "no expiry": of_service(exp=None),
    "another payload": tampered(of_service()),
}


@pytest.mark.parametrize("token", CONFUSIONS.values(), ids=CONFUSIONS)
def test_a_token_that_the_service_did_not_issue_for_this_app_is_refused(app_of_service, token):
    assert is_refused(ask(app_of_service, token))


def test_a_published_secret_verifies_nothing(database):
    with sign_in_service() as service:
        secret = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
        service.keys = {"keys": [*published("RS256")["keys"], secret]}
        token = forged(HMAC | {"kid": "shared"}, claims(), b"secretsecretsecretsecretsecret")
        with App(DATABASE_URL=database, CHATKIT_JWT_SECRET="", CHATKIT_JWKS_URL=service.url) as app:
            assert ask(app, signed()).is_success
            assert is_refused(ask(app, token))


def test_a_service_that_is_away_is_told_from_a_wrong_token_and_made_up_keys_do_not_flood_it(database):
    with sign_in_service() as service:
        keys, service.keys = service.keys, None
        with App(DATABASE_URL=database, CHATKIT_JWT_SECRET="", CHATKIT_JWKS_URL=service.url) as app:
            away = ask(app, signed())
            assert away.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert "sign-in service" in away.json()["detail"]
            service.keys = keys
            assert ask(app, signed()).is_success
            asked = service.requests
            assert all(is_refused(ask(app, signed(key_id=f"made up {number}"))) for number in range(5))
            assert ask(app, signed("ES256")).is_success
            assert service.requests == asked
