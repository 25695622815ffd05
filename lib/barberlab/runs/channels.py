"""How does a message get out? A command's input, an e-mail, or JSON to an https address.

Each gives None, or why it did not work in one line; none of them raises, prints, or waits longer than its limit.
"""

import http.client
import ipaddress
import json
import os
import smtplib
import socket
import ssl
import stat
import subprocess
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from barberlab.runs.journal import Message
from barberlab.runs.schedule import Email, Webhook

TIMEOUT_S = 10
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class Refused(Exception):
    """Something was not sent on purpose."""


def send(channel: tuple[str, ...] | Email | Webhook, message: Message) -> str | None:
    """Hand `message` over; None if it was taken, else why not, without any secret."""
    try:
        if isinstance(channel, Email):
            _mail(channel, message)
        elif isinstance(channel, Webhook):
            _post(channel, message)
        else:
            _command(channel, message)
    except Refused as error:
        return str(error)
    except (OSError, ValueError, smtplib.SMTPException, http.client.HTTPException, subprocess.SubprocessError) as error:
        # Their words may hold an address, a password's file or what the server said; their kind is enough.
        return f"{type(error).__name__}{_code(error)}"
    return None


def subject(message: Message) -> str:
    """One line that says it all."""
    said = "fails" if message.event == "failed" else "is well again"
    return f"barberlab: {message.report} of {message.network} {said}"


def text(message: Message) -> str:
    """The message in a few lines."""
    since = f"since {message.since:%Y-%m-%d %H:%M} UTC"
    what = f"Reason: {message.reason}" if message.event == "failed" else f"It had failed {since}: {message.reason}"
    stands = "The last good page stays in place." if message.event == "failed" else "A page that passed stands again."
    return f"{subject(message)}, {since}.\n{what}\n{stands}\nbarberlab status says more.\n"


def fields(message: Message) -> dict[str, str]:
    """The message as programs read it; `text` is what chat services show."""
    return {
        "event": message.event,
        "network": message.network,
        "report": message.report,
        "reason": message.reason,
        "since": message.since.isoformat(),
        "at": message.at.isoformat(),
        "text": subject(message),
    }


def _code(error: Exception) -> str:
    code = getattr(error, "smtp_code", None) or getattr(error, "returncode", None) or getattr(error, "errno", None)
    return f" {code}" if code else ""


def _command(command: tuple[str, ...], message: Message) -> None:
    """No shell: the message's own words are input and environment, never a part of what is run."""
    said = {f"BARBERLAB_{name.upper()}": value for name, value in fields(message).items()}
    subprocess.run(
        command, input=text(message), env=os.environ | said, text=True, check=True, timeout=TIMEOUT_S,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _mail(email: Email, message: Message) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = subject(message), email.sender, ", ".join(email.to)
    letter.set_content(text(message))
    context = ssl.create_default_context()
    password = _secret(email.password_file) if email.password_file else None
    if email.security == "tls":
        server = smtplib.SMTP_SSL(email.host, email.port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(email.host, email.port, timeout=TIMEOUT_S)
    try:
        if email.security == "starttls":
            server.starttls(context=context)
        if password is not None:
            server.login(email.user, password)
        server.send_message(letter)
    finally:
        # A letter that was taken is not sent again because a goodbye was not heard.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()


def _secret(said: str) -> str:
    path = Path(said).expanduser()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused(f"{path.name} can be read by others; make it its owner's alone: chmod 600")
    return path.read_text(encoding="utf-8").strip()


def _post(webhook: Webhook, message: Message) -> None:
    url = urlsplit(_secret(webhook.url_file) if webhook.url_file else webhook.url)
    _check_url(url, webhook.allow_private)
    connection = _connection(url, _address(url, webhook.allow_private))
    try:
        body = json.dumps(fields(message)).encode()
        # Redirects are not followed: they would lead past the check of the address.
        path = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise Refused(f"the address answered {status}")


def _check_url(url: SplitResult, allow_private: bool) -> None:
    plain = allow_private and url.scheme == "http"
    if not (url.scheme == "https" or plain) or not url.hostname:
        raise Refused("the address must begin with https://")
    if url.username is not None:
        raise Refused("the address must not hold a user or a password")
    if url.port not in (None, 443) and not allow_private:
        raise Refused("the address must be on port 443")


def _address(url: SplitResult, allow_private: bool) -> tuple[str, int]:
    """Where the host is, looked up once and then connected to, so that no second answer can lead elsewhere."""
    port = url.port or (80 if url.scheme == "http" else 443)
    found = [entry[4][0] for entry in socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)]
    if not allow_private and not all(is_public(address) for address in found):
        raise Refused("the address is on this machine or a network of its own; allow_private would permit it")
    return found[0], port


def is_public(address: str) -> bool:
    """Whether an IP address is on the internet at large, also inside those that carry another one in them."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in net for net in _NAT64) or ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
        ip = ip.ipv4_mapped or ip
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _connection(url: SplitResult, address: tuple[str, int]) -> http.client.HTTPConnection:
    sock = socket.create_connection(address, timeout=TIMEOUT_S)
    if url.scheme == "https":
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=url.hostname)
    connection = http.client.HTTPConnection(url.netloc, timeout=TIMEOUT_S)
    connection.sock = sock
    return connection
