"""Nobody gets a session but by signing in, and nobody keeps one that was ended."""

import concurrent.futures
import contextlib
import re
import time
from dataclasses import replace

import pytest
from tornado.web import create_signed_value

from barberlab.serve import gate, sessions
from barberlab.serve.limits import MOST_KEYS, Limit
from barberlab.serve.people import Person
from barberlab.serve.sessions import IDLE_S, LIVES_S, Sessions
from barberlab.serve.users import Users
from serve import house


def test_a_form_without_its_token_signs_nobody_in(served):
    visitor = served.visitor()
    visitor.get("/login")
    assert visitor.post("/login", {"name": "fran", "password": house.PASSWORD}).status == 403
    assert visitor.post("/login", {"_xsrf": "x", "name": "fran", "password": house.PASSWORD}).status == 403
    assert gate.SESSION_COOKIE not in visitor.cookies


def test_another_visitors_token_signs_nobody_in(served):
    other = served.visitor().token()
    visitor = served.visitor()
    visitor.get("/login")
    assert visitor.post("/login", {"_xsrf": other, "name": "fran", "password": house.PASSWORD}).status == 403


def test_a_wrong_name_and_a_wrong_password_look_alike(served):
    wrong = [served.visitor().sign_in("owen", "not the password"), served.visitor().sign_in("nobody", house.PASSWORD)]
    said = {re.sub(r'_xsrf" value="[^"]+"', "", answer.text) for answer in wrong}
    assert len(said) == 1
    assert {answer.status for answer in wrong} == {401}


def test_the_sessions_cookie_is_hidden_from_scripts_and_other_sites(served):
    cookie = served.visitor().sign_in("fran").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "fran" not in cookie


@pytest.mark.parametrize("forged", ["", "x", "2|1:0|10:1700000000|9:barberlab|4:eHh4|" + "0" * 64, "fran"])
def test_a_forged_cookie_opens_nothing(served, forged):
    visitor = served.visitor()
    visitor.cookies[gate.SESSION_COOKIE] = forged
    assert visitor.get("/n/north/").status == 302


def test_a_cookie_that_somebody_else_signed_opens_nothing(served):
    visitor = served.visitor("fran")
    visitor.cookies[gate.SESSION_COOKIE] = create_signed_value("guessed", gate.SESSION_COOKIE, "token").decode()
    assert visitor.get("/n/north/").status == 302


def test_a_changed_cookie_opens_nothing(served):
    visitor = served.visitor("fran")
    good = visitor.cookies[gate.SESSION_COOKIE]
    visitor.cookies[gate.SESSION_COOKIE] = good[:-1] + ("0" if good[-1] != "0" else "1")
    assert visitor.get("/n/north/").status == 302


def test_a_cookie_that_was_signed_out_opens_nothing_ever_again(served):
    visitor = served.signed_in("anna")
    kept = dict(visitor.cookies)
    leave = visitor.post("/logout", {"_xsrf": visitor.form_token()})
    assert leave.status == 303
    visitor.cookies = kept
    assert visitor.get("/n/north/").status == 302


def test_signing_out_asks_for_the_forms_token(served):
    assert served.visitor("anna").post("/logout", {}).status == 403
    assert served.visitor("anna").get("/").status == 200


def test_a_session_from_before_is_over_when_one_signs_in_again(served):
    """A session slipped to a browser (fixation) must not become that of whoever signs in there."""
    visitor = served.signed_in("rhea")
    before = dict(visitor.cookies)
    visitor.post("/login", {"_xsrf": visitor.form_token(), "name": "rhea", "password": house.PASSWORD})
    assert before[gate.SESSION_COOKIE] != visitor.cookies[gate.SESSION_COOKIE]
    visitor.cookies = before
    assert visitor.get("/n/north/").status == 302


def test_whoever_loses_the_account_is_out_at_once(served):
    served.users.add(Person("tess", "franchisor", {"north": None}), house.PASSWORD)
    visitor = served.signed_in("tess")
    assert visitor.get("/n/north/").status == 200
    served.users.revoke("tess")
    assert visitor.get("/n/north/").status == 302


def test_whoever_gets_other_rights_signs_in_again(served):
    served.users.add(Person("vera", "franchisor", {"north": None}), house.PASSWORD)
    visitor = served.signed_in("vera")
    served.users.add(Person("vera", "manager", {"north": frozenset({"north-01"})}), house.PASSWORD)
    assert visitor.get("/n/north/").status == 302


def test_who_tries_five_times_in_vain_waits_and_others_do_not(served):
    served.users.add(Person("lock", "franchisor", {"north": None}), house.PASSWORD)
    visitor = served.visitor()
    tries = [visitor.sign_in("lock", f"wrong password {k}").status for k in range(5)]
    assert tries == [401] * 5
    assert visitor.sign_in("lock").status == 429
    assert served.visitor().sign_in("mina").status == 303


def test_many_at_once_are_not_all_tried(served):
    """Each try is counted before it is known to be wrong."""
    served.users.add(Person("many", "franchisor", {"north": None}), house.PASSWORD)
    visitor = served.visitor()
    form = {"_xsrf": visitor.token(), "name": "many", "password": "wrong password"}
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        others = [house.Visitor(served.port, dict(visitor.cookies)) for _ in range(12)]
        statuses = list(pool.map(lambda other: other.post("/login", form).status, others))
    assert statuses.count(401) == 5
    assert statuses.count(429) == 7


def test_a_form_that_is_too_long_is_not_read(served):
    visitor = served.visitor()
    form = {"_xsrf": visitor.token(), "name": "fran", "password": "x" * 100_000}
    # The server may hang up before all of it was sent.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        assert visitor.post("/login", form).status == 400
    assert served.visitor().get("/health").status == 200


@pytest.fixture
def clock():
    """A clock that goes on when it is told."""

    class Clock:
        now = 1000.0

        def __call__(self) -> float:
            return self.now

    return Clock()


@pytest.fixture
def known(tmp_path) -> Users:
    """One account."""
    users = Users(tmp_path / "users.json")
    users.add(house.PEOPLE["fran"], house.PASSWORD)
    return users


def test_a_session_ends_after_a_day_of_work_and_after_two_idle_hours(known, clock):
    standing = Sessions(known, clock)
    busy, idle = standing.begin(known.person("fran")), standing.begin(known.person("fran"))
    for _ in range(int(LIVES_S // IDLE_S * 2) - 1):
        clock.now += IDLE_S / 2
        assert standing.find(busy.token)
    assert standing.find(idle.token) is None
    clock.now += IDLE_S
    assert standing.find(busy.token) is None


def test_the_end_of_a_session_is_told_once(known, clock):
    ended = []
    standing = Sessions(known, clock, ended.append)
    session = standing.begin(known.person("fran"))
    clock.now += LIVES_S + 1
    standing.sweep()
    standing.end(session)
    assert ended == [session]


def test_one_person_has_so_many_sessions_and_no_more(known, clock):
    standing = Sessions(known, clock)
    made = []
    for _ in range(sessions.MOST_OF_ONE + 2):
        clock.now += 1
        made.append(standing.begin(known.person("fran")))
    assert [bool(standing.find(one.token)) for one in made] == [False] * 2 + [True] * sessions.MOST_OF_ONE


def test_a_users_file_that_others_can_write_vouches_for_nobody(known, clock):
    standing = Sessions(known, clock)
    session = standing.begin(known.person("fran"))
    known.place.chmod(0o664)
    assert standing.find(session.token) is None


def test_a_limit_forgets_after_its_window_and_not_before():
    limit = Limit(3, 60.0)
    for at in (0.0, 10.0, 20.0):
        assert limit.wait_s("x", at) == 0
        limit.count("x", at)
    assert limit.wait_s("x", 30.0) == pytest.approx(30.0)
    assert limit.wait_s("y", 30.0) == 0
    assert limit.wait_s("x", 60.1) == 0


def test_invented_names_do_not_take_the_memory():
    limit = Limit(3, 60.0)
    for k in range(MOST_KEYS + 100):
        limit.count(str(k), 0.0)
    assert len(limit._seen) == MOST_KEYS


def test_a_password_takes_as_long_for_a_name_that_nobody_has(known):
    def took(name: str) -> float:
        since = time.perf_counter()
        known.verified(name, "wrong password")
        return time.perf_counter() - since

    took("fran")
    there, not_there = min(took("fran") for _ in range(3)), min(took("nobody") for _ in range(3))
    # Without the hash for nobody it would be a thousandth.
    assert 0.3 < there / not_there < 3


def test_rights_that_came_with_the_sign_in_need_no_account(known, clock):
    standing = Sessions(known, clock)
    session = standing.begin(replace(house.PEOPLE["mina"], name="p-1"), provided=True)
    assert standing.find(session.token) is session
