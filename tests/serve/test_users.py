"""Who has an account stands in one file that nobody else can open, without a password in it."""

import os
import subprocess
import sys

import pytest

from barberlab.errors import BadInput
from barberlab.serve import people, users
from barberlab.serve.people import Person
from barberlab.serve.users import Users
from serve import house

FRAN, MINA = house.PEOPLE["fran"], house.PEOPLE["mina"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the file will be."""
    monkeypatch.setenv(users.VARIABLE, str(tmp_path / "state" / "users.json"))
    return tmp_path / "state" / "users.json"


def test_the_file_is_readable_by_its_user_alone_from_the_first_moment(place, monkeypatch):
    seen = []
    before = os.replace
    monkeypatch.setattr("pathlib.Path.replace", lambda a, b: (seen.append(a.stat().st_mode & 0o777), before(a, b)))
    Users(place).add(FRAN, house.PASSWORD)
    assert seen == [0o600]
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_can_open_is_refused(place, mode):
    Users(place).add(FRAN, house.PASSWORD)
    place.chmod(mode)
    with pytest.raises(BadInput, match=r"others can open it .* chmod 600 it"):
        Users(place).person("fran")


def test_no_password_stands_in_the_file(place):
    Users(place).add(FRAN, house.PASSWORD)
    assert house.PASSWORD not in place.read_text()
    assert "$argon2id$" in place.read_text()


def test_the_right_password_is_known_and_no_other(place):
    known = Users(place)
    known.add(FRAN, house.PASSWORD)
    assert known.verified("fran", house.PASSWORD).role == "franchisor"
    assert known.verified("fran", house.PASSWORD + " ") is None
    assert known.verified("nobody", house.PASSWORD) is None


def test_somebody_of_the_provider_has_no_password_to_guess(place):
    known = Users(place)
    known.add(FRAN, subject="provider|1")
    assert known.verified("fran", "") is None
    assert known.by_subject("provider|1").name == "fran"
    assert known.by_subject("") is None


def test_two_people_are_not_one_subject(place):
    known = Users(place)
    known.add(FRAN, subject="provider|1")
    with pytest.raises(BadInput, match="already belongs to the user 'fran'"):
        known.add(MINA, subject="provider|1")


def test_what_one_process_changes_another_knows_at_once(place):
    one, other = Users(place), Users(place)
    one.add(FRAN, house.PASSWORD)
    assert other.person("fran")
    one.revoke("fran")
    assert other.person("fran") is None
    with pytest.raises(BadInput, match="no user is called 'fran'"):
        one.revoke("fran")


@pytest.mark.parametrize("password", ["short", "x" * 300])
def test_a_password_has_twelve_characters_at_least(place, password):
    with pytest.raises(BadInput, match="12 to 256 characters"):
        Users(place).add(FRAN, password)


def test_a_spoilt_file_lets_nobody_in(place):
    Users(place).add(FRAN, house.PASSWORD)
    place.write_text('{"users": {"fran": {"role": "emperor", "networks": {}}}}')
    with pytest.raises(BadInput, match="role 'emperor' is unknown"):
        Users(place).person("fran")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("x", "franchisor", {}), "needs --network"),
        (("x", "franchisor", {"north": frozenset({"a"})}), "leave --shop out"),
        (("x", "manager", {"north": None}), "needs --shop"),
        (("x", "manager", {"north": frozenset({"a", "b"})}), "has one shop"),
        (("x", "barber", {"north": frozenset({"a"})}), "needs --barber"),
        (("x", "owner", {"north": frozenset({"a"})}, "pid"), "nobody else"),
        (("x", "operator", {"north": None}), "name no network"),
        (("x", "franchisor", {"north": None, "south": None}), "only an analyst"),
        (("x", "analyst", {"../south": None}), "network id"),
        (("../x", "analyst", {"north": None}), "a user's name"),
    ],
)
def test_rights_that_a_role_cannot_have_are_refused(said, why):
    with pytest.raises(BadInput, match=why):
        Person(*said)


@pytest.mark.parametrize("name", house.PEOPLE)
def test_rights_are_read_as_they_were_written(name):
    assert people.of_json(name, people.to_json(house.PEOPLE[name])) == house.PEOPLE[name]


def _barberlab(*words: str, told: str = "") -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "barberlab", "users", *words]
    environment = os.environ | {"PYTHONPATH": str(house.REPO / "lib")}
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False, env=environment)


def test_accounts_are_given_listed_and_taken_away_from_a_terminal(place):
    made = _barberlab(
        "add", "bea", "--role", "manager", "--network", "north", "--shop", "s1", told=house.PASSWORD + "\n"
    )
    assert (made.returncode, made.stdout) == (0, "bea: manager, north\n"), made.stderr
    assert _barberlab("list").stdout == "bea\tmanager\tnorth (s1)\tpassword\n"
    assert Users(place).verified("bea", house.PASSWORD)
    assert _barberlab("revoke", "bea").returncode == 0
    assert _barberlab("list").stdout == ""


def test_no_command_takes_a_password_as_a_word(place):
    assert "password" not in {
        word.strip("-") for word in _barberlab("add", "--help").stdout.split() if word.startswith("--")
    }
    refused = _barberlab("add", "bea", "--role", "operator", "--password", house.PASSWORD)
    assert refused.returncode == 2
    assert not place.exists()
