"""A failure is told once when it begins and once when it is over, by every channel, and without anybody's data."""

import json
import smtplib
import socketserver
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import bench
import pytest
import scheduled
from scheduled import utc

from barberlab.runs import channels, due, journal
from barberlab.runs.journal import Message
from barberlab.runs.schedule import Email, Webhook

NORTH = ("north", "performance")
WHY = "ZeroDivisionError: weekly visits: division by zero"


@contextmanager
def serving(server):
    """A server on this machine, while the test looks."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as one letter needs, and a goodbye that is none."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        lines, in_letter = [], False
        for line in self.rfile:
            if in_letter and line == b".\r\n":
                in_letter = False
                self.server.letters.append(message_from_bytes(b"".join(lines), policy=policy.default))
            elif in_letter:
                lines.append(line)
                continue
            in_letter = line.upper().startswith(b"DATA")
            self.wfile.write(b"354 go on\r\n" if in_letter else b"250 ok\r\n")


class _Http(BaseHTTPRequestHandler):
    """Remembers what was posted; answers what the server was told to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, json.loads(body)))
        self.send_response(self.server.answer)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


@contextmanager
def mailbox():
    """(port, letters) of a mail server."""
    server = socketserver.TCPServer(("127.0.0.1", 0), _Smtp)
    server.letters = []
    with serving(server) as port:
        yield port, server.letters


@contextmanager
def hook(answer=200):
    """(port, what was posted) of a web server."""
    server = HTTPServer(("127.0.0.1", 0), _Http)
    server.posted, server.answer = [], answer
    with serving(server) as port:
        yield port, server.posted


@pytest.fixture
def ran():
    """Runs in which the north's report fails."""
    runner = scheduled.Runner()
    runner.ends[NORTH] = "failed", WHY
    return runner


def place(tmp_path, told):
    return scheduled.workspace(tmp_path / "w", f"{scheduled.DAILY}\non_failure: {json.dumps(told)}\n")


def noting(tmp_path):
    """A command that appends what it is handed to a file, and that file."""
    script, log = tmp_path / "note.py", tmp_path / "log.txt"
    script.write_text(
        "import os, sys\n"
        f"with open({str(log)!r}, 'a') as log:\n"
        "    told = [os.environ['BARBERLAB_' + name] for name in ('EVENT', 'NETWORK')]\n"
        "    log.write('|'.join([*told, sys.stdin.read()]))\n"
    )
    return [sys.executable, str(script)], log


def test_a_command_is_told_once_per_incident_and_once_of_its_end(tmp_path, ran):
    command, log = noting(tmp_path)
    made = place(tmp_path, {"command": command})
    scheduled.at(made, ran, "2025-07-01T04:30", "2025-07-01T04:31", "2025-07-02T04:30", "2025-07-03T04:30")
    assert log.read_text() == (
        "failed|north|barberlab: performance of north fails, since 2025-07-01 04:30 UTC.\n"
        f"Reason: {WHY}\nThe last good page stays in place.\nbarberlab status says more.\n"
    )
    log.unlink()
    ran.ends[NORTH] = "unchanged", ""
    scheduled.at(made, ran, "2025-07-04T04:30", "2025-07-05T04:30")
    assert log.read_text() == (
        "recovered|north|barberlab: performance of north is well again, since 2025-07-01 04:30 UTC.\n"
        f"It had failed since 2025-07-01 04:30 UTC: {WHY}\n"
        "A page that passed stands again.\nbarberlab status says more.\n"
    )
    log.unlink()
    ran.ends[NORTH] = "refused", "another reason"
    scheduled.at(made, ran, "2025-07-06T04:30")
    assert log.read_text().startswith("failed|north|"), "a new incident is told again"


def test_no_shell_reads_what_a_command_is_told(tmp_path, ran):
    command, log = noting(tmp_path)
    ran.ends[NORTH] = "failed", f"ValueError: $(touch {tmp_path}/x); `touch {tmp_path}/x` | touch x"
    scheduled.at(place(tmp_path, {"command": [*command, "; touch x", "$HOME"]}), ran, "2025-07-01T04:30")
    assert "$(touch" in log.read_text()
    assert not (tmp_path / "x").exists()


def test_a_letter_says_network_report_and_reason(tmp_path, ran):
    with mailbox() as (port, letters):
        email = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "r@example.net"}
        made = place(tmp_path, {"email": email | {"to": ["a@example.net", "b@example.net"]}})
        scheduled.at(made, ran, "2025-07-01T04:30")
        ran.ends.clear()
        scheduled.at(made, ran, "2025-07-02T04:30")
    assert [letter["Subject"] for letter in letters] == [
        "barberlab: performance of north fails",
        "barberlab: performance of north is well again",
    ]
    assert (letters[0]["From"], letters[0]["To"]) == ("r@example.net", "a@example.net, b@example.net")
    assert f"Reason: {WHY}" in letters[0].get_content()


def test_a_webhook_gets_json_and_the_other_channels_are_told_as_well(tmp_path, ran):
    command, log = noting(tmp_path)
    with hook() as (port, posted):
        url = f"http://127.0.0.1:{port}/in?key=1"
        scheduled.at(
            place(tmp_path, {"command": command, "webhook": {"url": url, "allow_private": True}}),
            ran,
            "2025-07-01T04:30",
        )
    assert posted == [
        (
            "/in?key=1",
            {
                "event": "failed",
                "network": "north",
                "report": "performance",
                "reason": WHY,
                "since": "2025-07-01T04:30:00+00:00",
                "at": "2025-07-01T04:30:00+00:00",
                "text": "barberlab: performance of north fails",
            },
        )
    ]
    assert log.exists()


def test_a_reports_own_channels_stand_in_place_of_the_common_ones(tmp_path, ran):
    common, log = noting(tmp_path)
    text = f"{scheduled.DAILY}    on_failure: {{}}\non_failure: {json.dumps({'command': common})}\n"
    scheduled.at(scheduled.workspace(tmp_path / "w", text), ran, "2025-07-01T04:30")
    assert not log.exists()


def test_what_a_person_is_called_by_is_masked_before_it_is_told(tmp_path, ran):
    command, log = noting(tmp_path)
    ran.ends[NORTH] = "refused", "appointments.csv: ann.lee@example.org is no client, ring +49 170 1234567"
    made = place(tmp_path, {"command": command})
    scheduled.at(made, ran, "2025-07-01T04:30")
    kept = log.read_text() + (made.outputs / ".schedule" / "state.json").read_text()
    assert "appointments.csv: [e-mail address] is no client, ring [telephone number]" in kept
    assert "ann.lee" not in kept
    assert "1234567" not in kept


def test_what_does_not_get_out_is_tried_again_and_nothing_overtakes_it(tmp_path, ran):
    """Tried at once, then after 1, 2, 4 minutes; the end of the failure waits behind its beginning."""
    with hook(answer=503) as (port, posted):
        made = place(tmp_path, {"webhook": {"url": f"http://127.0.0.1:{port}/", "allow_private": True}})
        done = due.run(made, utc("2025-07-01T04:30"), ran)
        tried = [due.run(made, utc(f"2025-07-01T04:3{minute}"), ran).untold for minute in range(1, 8)]
    assert done.untold == ["north performance: webhook was not told: the address answered 503"]
    assert done.exit_code == 1
    assert [len(untold) for untold in tried] == [1, 0, 1, 0, 0, 0, 1]
    assert len(posted) == 4
    ran.ends.clear()
    due.run(made, utc("2025-07-02T04:30"), ran)
    assert [message.event for message in journal.read(made).outbox] == ["failed", "recovered"]
    with hook() as (port, posted):
        (made.params / "schedule.yaml").write_text(
            (made.params / "schedule.yaml").read_text().replace(_port_of(made), str(port))
        )
        due.run(made, utc("2025-07-02T12:30"), ran)
    assert [body["event"] for _, body in posted] == ["failed", "recovered"]
    assert journal.read(made).outbox == []


def _port_of(made) -> str:
    return (made.params / "schedule.yaml").read_text().partition("127.0.0.1:")[2].partition("/")[0]


def test_a_message_that_nobody_takes_is_given_up_after_five_days(tmp_path, ran):
    made = place(tmp_path, {"command": [str(tmp_path / "nowhere")]})
    due.run(made, utc("2025-07-01T04:30"), ran)
    hours = [utc("2025-07-01T05:00") + timedelta(hours=k) for k in range(140)]
    untold = [due.run(made, now, ran).untold for now in hours]
    assert journal.read(made).outbox == []
    assert untold[0] == ["north performance: command was not told: FileNotFoundError 2"]
    assert 20 < sum(map(len, untold)) < 35, "every six hours, once it has slowed down"


def message(**changed) -> Message:
    at = utc("2025-07-01T04:30")
    return Message(**{"event": "failed", "network": "north", "report": "shop", "reason": "why", "since": at, "at": at}
                   | {"channel": "webhook"} | changed)  # fmt: skip


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.net/x", "must begin with https"),
        ("ftp://example.net/x", "must begin with https"),
        ("https:///x", "must begin with https"),
        ("https://u:p@example.net/", "must not hold a user or a password"),
        ("https://example.net:8443/", "must be on port 443"),
        ("https://localhost/x", "on this machine or a network of its own"),
        ("https://127.0.0.1/x", "on this machine"),
        ("https://2130706433/", "on this machine"),
        ("https://0x7f.1/", "on this machine"),
        ("https://[::1]/", "on this machine"),
        ("https://[::ffff:10.0.0.1]/", "on this machine"),
        ("https://10.1.2.3/", "on this machine"),
        ("https://169.254.169.254/latest", "on this machine"),
        ("https://0.0.0.0/", "on this machine"),
        ("https://[64:ff9b::7f00:1]/", "on this machine"),
    ],
)
def test_a_webhook_into_this_machine_or_its_networks_is_refused(url, said):
    assert said in channels.send(Webhook(url=url), message())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:220:1::1", True),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("::ffff:127.0.0.1", False),
    ],
)
def test_an_address_is_public_only_where_all_of_it_is(address, public):
    assert channels.is_public(address) is public


def test_one_private_address_among_several_is_enough_to_refuse(monkeypatch):
    answers = [(0, 0, 0, "", (ip, 443)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(channels.socket, "getaddrinfo", lambda *_, **__: answers)
    assert "on this machine" in channels.send(Webhook(url="https://example.net/"), message())


def test_a_redirect_is_not_followed():
    with hook(answer=302) as (port, posted):
        said = channels.send(Webhook(url=f"http://127.0.0.1:{port}/a", allow_private=True), message())
    assert said == "the address answered 302"
    assert [path for path, _ in posted] == ["/a"]


def test_an_address_that_is_a_secret_stands_in_a_file_that_its_owner_alone_can_read(tmp_path):
    secret = tmp_path / "hook"
    with hook() as (port, posted):
        secret.write_text(f"http://127.0.0.1:{port}/secret-path\n")
        channel = Webhook(url_file=str(secret), allow_private=True)
        secret.chmod(0o640)
        assert channels.send(channel, message()) == ("hook can be read by others; make it its owner's alone: chmod 600")
        secret.chmod(0o600)
        assert channels.send(channel, message()) is None
    assert [path for path, _ in posted] == ["/secret-path"]


class _Recorded(smtplib.SMTP):
    """A server that takes everything and remembers the order."""

    did: list

    def __init__(self, host, port, **_):
        _Recorded.did = [("connect", host, port)]

    def starttls(self, *, context):
        self.did.append(("starttls", context.verify_mode.name))

    def login(self, user, password):
        self.did.append(("login", user, password))

    def send_message(self, letter):
        self.did.append(("letter", letter["To"]))

    def quit(self):
        """Gone."""

    def __exit__(self, *_):
        """Gone."""


def test_a_password_is_sent_after_the_line_is_encrypted_and_the_server_proved_itself(tmp_path, monkeypatch):
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    monkeypatch.setattr(channels.smtplib, "SMTP", _Recorded)
    email = Email(host="mail.example.net", user="reports", password_file=str(secret), sender="r@x.example", to=["o@x"])
    assert channels.send(email, message()) is None
    assert _Recorded.did == [
        ("connect", "mail.example.net", 587),
        ("starttls", "CERT_REQUIRED"),
        ("login", "reports", "s3cret"),
        ("letter", "o@x"),
    ]


def test_what_a_mail_server_answers_is_told_by_its_code_alone(monkeypatch):
    def refused(*_, **__):
        raise smtplib.SMTPAuthenticationError(535, b"reports with s3cret is wrong")

    monkeypatch.setattr(channels.smtplib, "SMTP", refused)
    email = Email(host="mail.example.net", sender="r@x.example", to=["o@x"])
    assert channels.send(email, message()) == "SMTPAuthenticationError 535"


def test_a_reason_of_many_words_is_cut_and_breaks_no_header(tmp_path, ran):
    ran.ends[NORTH] = "failed", f"ValueError: {'long ' * 200}"
    with mailbox() as (port, letters):
        email = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "r@x.example", "to": ["o@x.example"]}
        scheduled.at(place(tmp_path, {"email": email}), ran, "2025-07-01T04:30")
    assert len(letters[0].get_content()) < 500


def test_nobody_is_told_by_a_channel_that_was_taken_out(tmp_path, ran):
    made = place(tmp_path, {"command": [str(tmp_path / "nowhere")]})
    due.run(made, utc("2025-07-01T04:30"), ran)
    (made.params / "schedule.yaml").write_text(scheduled.DAILY)
    assert due.run(made, utc("2025-07-01T04:40"), ran).untold == []
    assert journal.read(made).outbox == []


def test_a_failure_in_a_real_run_is_told_with_its_first_line(tmp_path, monkeypatch):
    command, log = noting(tmp_path)
    bench.pretend(monkeypatch, lambda values: {}["the client's row"])
    due.run(place(tmp_path, {"command": command}), utc("2025-07-01T04:30"), pages=bench.pages())
    assert log.read_text().count("Reason: KeyError") == 2, "of both networks"
