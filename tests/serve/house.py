"""A small house to serve: two networks with published pages, a user of each role, and a real server on a free port."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import xarray as xr

from barberlab import files
from barberlab.runs import inside, outputs
from barberlab.runs.manifest import Manifest
from barberlab.serve.ahead import DRAWS
from barberlab.serve.people import Person
from barberlab.serve.users import Users
from barberlab.workspace import Workspace

REPO = Path(__file__).resolve().parents[2]
AS_OF = "2025-07-01T04:00:00+00:00"
FACTS = {"name": "Corner Barbers", "currency": "USD", "timezone": "America/New_York", "country": "US"}
SHOPS = {"north": ("north-01", "north-02", "north-03"), "south": ("south-01", "south-02")}
BARBERS = {"north-01": "pid-a1", "north-02": "pid-b2", "north-03": "pid-c3", "south-01": "pid-d4", "south-02": "pid-e5"}
PASSWORD = "a sound password"
PEOPLE = {
    "olga": Person("olga", "operator"),
    "fran": Person("fran", "franchisor", {"north": None}),
    "rhea": Person("rhea", "region", {"north": frozenset({"north-01", "north-02"})}),
    "owen": Person("owen", "owner", {"north": frozenset({"north-02", "north-03"})}),
    "mina": Person("mina", "manager", {"north": frozenset({"north-01"})}),
    "bert": Person("bert", "barber", {"north": frozenset({"north-01"})}, "pid-a1"),
    "anna": Person("anna", "analyst", {"north": None, "south": None}),
}


def workspace(root: Path) -> Workspace:
    """A workspace in which both networks have published a performance, a shop and a revenue report."""
    for name in ("params", "notebooks"):
        shutil.copytree(REPO / name, root / name)
    place = Workspace(root)
    for network, shops in SHOPS.items():
        publish(place, network, "performance", {"report.html": page(network, shops)})
        publish(place, network, "shop", shop_pages(network), tables(network))
        publish(place, network, "revenue", {"report.html": page(network, shops)}, drawn={DRAWS: draws(network)})
    return place


def page(title: str, about: tuple[str, ...]) -> str:
    """A published page that names what it is about, as the house's own pages are laid out."""
    head = '<!doctype html><html lang="en"><link rel="icon" href="data:,">'
    return f'{head}<body><main id="main" tabindex="-1"><h1>{title}</h1>{" ".join(about)}</main>'


def shop_pages(network: str, said: str = "") -> dict[str, str]:
    """A page of all shops, of each shop one and one of its clients, and one of each barber."""
    own = SHOPS[network]
    found = {"report.html": page(f"{network} shops {said}", own)}
    found |= {f"shop/{shop}.html": page(shop, (shop,)) for shop in own}
    found |= {f"clients/{shop}.html": page(f"{shop} clients", (shop,)) for shop in own}
    return found | {f"barber/{shop}/{BARBERS[shop]}.html": page(BARBERS[shop], ()) for shop in own}


def tables(network: str) -> dict[str, pd.DataFrame]:
    """What a shop report keeps: shops, their months of revenue, their last month, their barbers, and the network's."""
    own = SHOPS[network]
    months = [
        (s, m, 100_000 * (k + 1)) for k, s in enumerate(own) for m in pd.date_range("2024-07-01", periods=12, freq="MS")
    ]
    by_shop = pd.DataFrame(months, columns=["location_id", "period", "value"])
    by_shop.attrs = {"metric": "net_service_revenue", "needs": None, "currency": "USD"}
    names = pd.DataFrame({"location_id": own, "name": [f"Shop {shop}" for shop in own], "chairs": 4})
    last = [(s, "net_service_revenue", 100_000.0 * (k + 1)) for k, s in enumerate(own)]
    last += [(shop, "utilisation", 0.8) for shop in own]
    barbers = [(shop, BARBERS[shop]) for shop in own if shop in BARBERS]
    staff = pd.DataFrame({"staff_id": [who for _, who in barbers], "display_name": [f"B {who}" for _, who in barbers]})
    return {
        "months": by_shop,
        "locations": names,
        "shops": pd.DataFrame(last, columns=["location_id", "metric", "value"]),
        "chairs": pd.DataFrame(barbers, columns=["location_id", "staff_id"]).assign(metric="visits", value=80.0),
        "staff": staff,
        "network": pd.DataFrame({"metric": ["visits"], "value": [1]}),
    }


def draws(network: str) -> xr.Dataset:
    """What a revenue report keeps: joint draws of June, which has begun, to December, about what the months were."""
    own, months = SHOPS[network], pd.date_range("2025-06-01", periods=7, freq="MS").strftime("%Y-%m-%d")
    rng = np.random.default_rng(len(own))
    noise = rng.normal(0, 0.05, (1, 400, 1, 7)) + rng.normal(0, 0.1, (1, 400, len(own), 7))
    level = 100_000 * np.arange(1, len(own) + 1)[:, None]
    coordinates = {"location": np.array(own, object), "month": months.to_numpy(object)}
    values = (level * np.exp(noise)).astype(np.float32)
    return xr.Dataset({"revenue": (("chain", "draw", "location", "month"), values)}, coordinates)


def publish(
    place: Workspace,
    network: str,
    report: str,
    pages: Mapping[str, str],
    kept: Mapping[str, pd.DataFrame] | None = None,
    drawn: Mapping[str, xr.Dataset] | None = None,
) -> str:
    """A finished run, its pointer moved to it; gives its id."""
    home = outputs.of(place, network)
    files.make_folder(home.folder)
    run_id, staging = home.stage(report)
    for path, html in pages.items():
        files.make_folder((staging / path).parent)
        files.put(staging / path, html.encode())
    for name, frame in (kept or {}).items():
        files.make_folder(staging / "tables")
        files.put(staging / "tables" / f"{name}.parquet", inside.parquet(frame))
    for name, dataset in (drawn or {}).items():
        files.make_folder(staging / "posterior")
        files.put(staging / "posterior" / f"{name}.nc", inside.netcdf(dataset))
    home.publish(staging, manifest(run_id, network, report))
    return run_id


def fail(place: Workspace, network: str, report: str, reason: str) -> None:
    """A run that did not pass."""
    home = outputs.of(place, network)
    run_id, staging = home.stage(report)
    home.keep_failed(staging, manifest(run_id, network, report, "failed", reason))


def manifest(run_id: str, network: str, report: str, state: str = "published", reason: str = "") -> Manifest:
    """A manifest with what is asked of it here."""
    return Manifest(
        run_id=run_id, network=network, report=report, state=state, reason=reason, content_key="", seed=1, as_of=AS_OF,
        parameters={"network": network, "as_of": AS_OF, "period": ""}, params={}, data={"facts": FACTS, "version": 1},
        notebook_sha256="", code={}, gates=[], durations={}, started=AS_OF, finished=AS_OF,
    )  # fmt: skip


def add_people(place: Path, people: Mapping[str, Person] = PEOPLE) -> Users:
    """A users' file with everybody of `people`, who all have the same password."""
    users = Users(place)
    for person in people.values():
        users.add(person, PASSWORD)
    return users


@dataclass
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """As text."""
        return self.body.decode(errors="replace")


@dataclass
class Visitor:
    """A browser as far as HTTP goes: it keeps cookies, and sends a path just as it is given."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.ask("GET", path, None, headers)

    def post(self, path: str, said: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """POST a form."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(said or {}).encode(), form | headers)

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Any request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = {"Accept": "text/html", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        connection.close()
        return found

    def token(self) -> str:
        """What the form for signing in must bring back."""
        return self.form_token("/login")

    def form_token(self, path: str = "/") -> str:
        """What the form of a page must bring back; where signing in is asked for first, that form's."""
        shown = self.get(path)
        if shown.status == 302:
            shown = self.get(shown.headers["location"])
        return re.search(r'name="_xsrf" value="([^"]+)"', shown.text)[1]

    def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        """Fill in the form."""
        return self.post("/login", {"_xsrf": self.token(), "name": name, "password": password})


@dataclass
class Served:
    """A server that runs."""

    port: int
    workspace: Workspace
    users: Users
    process: subprocess.Popen
    log: Path
    known: dict[str, dict[str, str]] = field(default_factory=dict)

    def visitor(self, name: str = "") -> Visitor:
        """A browser, signed in if `name` says as whom: each name once, because signing in is slow on purpose."""
        if name and name not in self.known:
            self.known[name] = self.signed_in(name).cookies
        return Visitor(self.port, dict(self.known.get(name, {})))

    def signed_in(self, name: str) -> Visitor:
        """A browser with a session of its own."""
        new = Visitor(self.port)
        answer = new.sign_in(name)
        assert answer.status == 303, answer.text
        return new

    def lines(self) -> list[dict]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def serving(
    root: Path, made: Workspace | None = None, people: Mapping[str, Person] = PEOPLE, **environment: str
) -> Iterator[Served]:
    """A server over a new house in `root`, or over one that was `made`, until the end of the block."""
    place, port = made or workspace(root / "house"), free_port()
    users = add_people(root / "state" / "users.json", people)
    (root / "warm").mkdir(mode=0o700)
    own = {
        "BARBERLAB_USERS": str(users.place),
        "BARBERLAB_MONITOR_TOKEN": "monitor",
        "PYTHONPATH": str(REPO / "lib"),
        # A parent of its own, quick to load, that no other test's kernels hang on.
        "WARMKERNEL_IMPORTS": "pandas pyarrow.parquet scipy.stats",
        "WARMKERNEL_DIR": str(root / "warm"),
        "TMPDIR": str(root),
    }
    command = [sys.executable, "-m", "barberlab", "serve", "--root", str(place.root), "--port", str(port)]
    log = root / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=os.environ | own | environment, stdout=out, stderr=out, cwd=root)
    try:
        wait_for(port, process, log)
        yield Served(port, place, users, process, log)
    finally:
        process.terminate()
        process.wait(timeout=30)
        subprocess.run(
            [sys.executable, "-m", "warmkernel", "stop"], env=os.environ | own, check=False, capture_output=True
        )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not come up: {log.read_text()}")
