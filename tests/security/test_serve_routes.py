"""Every route of the server is behind the gate, and lets in whom the table of access names, and nobody else."""

import pytest
from tornado.web import RequestHandler

from barberlab.serve import app, gate
from barberlab.serve.gate import ACCESS, Page
from barberlab.serve.people import Person
from serve import house
from serve.house import PEOPLE, SHOPS


@pytest.fixture
def handlers(tmp_path, monkeypatch):
    """What the server answers with, as it is put together for a start."""
    monkeypatch.setenv("BARBERLAB_USERS", str(tmp_path / "users.json"))
    server = app.Server(app.Options(house.workspace(tmp_path / "house")))
    server.initialize([])
    server.connection_dir = str(tmp_path)
    server.init_settings()
    return server.init_handlers()


def unasked(handlers) -> list[str]:
    """Routes that the gate was not told of, or whose handler does not ask it first."""
    told = [path for path, *_ in handlers if path not in gate.RULES]
    return told + [path for path, handler, *_ in handlers if not hasattr(handler, "rule_of_gate")]


def test_a_route_that_a_new_voila_brings_is_seen(handlers):
    assert unasked([*handlers, (r"/voila/new/(.*)", RequestHandler)]) == [r"/voila/new/(.*)"] * 2


def test_every_route_has_its_rule_and_asks_it_first(handlers):
    assert len(handlers) > 20
    assert unasked(handlers) == []
    assert all(handler.rule_of_gate is gate.RULES[path] for path, handler, *_ in handlers)


def test_a_route_without_a_rule_is_answered_to_nobody():
    assert gate.gated(RequestHandler, "/unheard/of", print).rule_of_gate is gate.nobody


def test_every_rule_stands_for_a_route(handlers):
    assert set(gate.RULES) == {path for path, *_ in handlers}


def test_every_role_stands_in_the_table_and_nothing_else_does():
    from barberlab.scope import ROLES

    assert set(ACCESS) == set(ROLES)
    assert {kind for kinds in ACCESS.values() for kind in kinds} == set(gate.KINDS)


def test_the_readme_prints_the_table_of_access_as_it_is():
    lines = (house.REPO / "lib/barberlab/serve/README.md").read_text().splitlines()
    top = lines.index("| role | network | shops | shop | clients | barber | what-if | operations | metrics |")
    printed = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[top + 2 : top + 2 + len(ACCESS)]]
    assert printed == [[role, *(kinds.get(kind, "") for kind in gate.KINDS)] for role, kinds in ACCESS.items()]


# Addresses of every kind of route; {kernel} is nobody's.
_KERNEL = "00000000-0000-0000-0000-000000000000"
ADDRESSES = [
    *("/", "/index.html", "/metrics", "/operations", "/logout", "/n/north/", "/n/north/index.html", "/n/north/what-if"),
    *(
        "/n/north/performance/report.html",
        "/n/north/shop/shop/north-01.html",
        "/n/north/shop/barber/north-01/pid-a1.html",
        "/n/north/shops",
    ),
    *(f"/api/kernels/{_KERNEL}", f"/api/kernels/{_KERNEL}/channels", f"/voila/api/shutdown/{_KERNEL}"),
    *("/api/kernels", "/api/contents", "/api/terminals", "/api/sessions", "/voila/query/x", "/voila/execution/x"),
    *("/voila/templates/lab/static/voila.js", "/voila/static/voila.js", "/voila/labextensions/x.js"),
    *(
        "/voila/api/themes/x.css",
        "/voila/files/whatif.ipynb",
        "/voila/tree",
        "/voila/tree/x",
        "/voila/render/whatif.ipynb",
    ),
    *("/voila/api/contents", "/voila/api/contents/whatif.ipynb", "/favicon.ico", "/nothing"),
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_whoever_is_not_signed_in_gets_nothing_but_the_way_in(served, method):
    for address in ADDRESSES:
        answer = served.visitor().ask(method, address, b"" if method == "POST" else None, {})
        assert answer.status in (302, 401, 403), address
        assert answer.headers.get("location", "/login") == "/login"
        assert "north-0" not in answer.text


@pytest.mark.parametrize("name", PEOPLE)
def test_trees_files_contents_and_notebooks_by_path_are_nobodys(served, name):
    visitor = served.visitor(name)
    nobodys = [address for address in ADDRESSES if "voila/" in address or "/api/" in address]
    answers = {address: visitor.get(address).status for address in nobodys if "static" not in address}
    assert {status for address, status in answers.items() if "shutdown" not in address} == {404}
    assert visitor.get("/voila/templates/lab/static/voila.js").status == 404


def expected(person: Person, page: Page) -> bool:
    """What the words of the table say, read once more and apart from the gate's own code."""
    grain = ACCESS[person.role].get(page.kind)
    if grain is None or page.network not in person.networks:
        return False
    own = person.networks[page.network]
    if person.barber and page.barber != person.barber:
        return False
    return grain == gate.WHOLE or page.kind == "shops" or page.shop in (own or ())


def of_barber(shop: str) -> str:
    """Where the page of the shop's barber lies in a network."""
    return f"shop/barber/{shop}/{house.BARBERS[shop]}.html"


PAGES = {
    f"/n/{network}/{path}": Page(kind, network, *whose)
    for network, shops in SHOPS.items()
    for kind, whose, path in [
        ("network", (), "performance/report.html"),
        ("network", (), "revenue/report.html"),
        ("shops", (), "shops"),
        *(("shop", (shop,), f"shop/shop/{shop}.html") for shop in shops),
        *(("clients", (shop,), f"shop/clients/{shop}.html") for shop in shops),
        *(("barber", (shop, house.BARBERS[shop]), of_barber(shop)) for shop in shops),
    ]
}


@pytest.mark.parametrize("name", PEOPLE)
def test_each_role_opens_what_the_table_says_and_nothing_else(served, name):
    visitor = served.visitor(name)
    for address, page in PAGES.items():
        status = visitor.get(address).status
        if expected(PEOPLE[name], page):
            assert status == 200, address
        else:
            # The way up from a shop's page is a redirect to one's own pages.
            is_way_up = page.kind == "network" and PEOPLE[name].scope(page.network)
            assert status == (303 if is_way_up else 404), address


def foreign(person: Person) -> set[str]:
    """Shops, their barbers and networks that do not exist for somebody."""
    found = {shop for network, shops in SHOPS.items() for shop in shops if network not in person.networks}
    found |= {network for network in SHOPS if network not in person.networks}
    found |= {house.BARBERS[shop] for shop in found if shop in house.BARBERS}
    for network, own in person.networks.items():
        others = set() if own is None else set(SHOPS[network]) - own
        found |= others | {house.BARBERS[shop] for shop in others}
    return found


@pytest.mark.parametrize("name", sorted(set(PEOPLE) - {"olga"}))
def test_no_byte_that_anybody_receives_names_a_foreign_shop(served, name):
    visitor = served.visitor(name)
    received = [visitor.get(address) for address in [*ADDRESSES, *PAGES, "/n/south/", "/n/north/nothing/report.html"]]
    said = b"".join(answer.body + str(answer.headers).encode() for answer in received)
    assert [word for word in foreign(PEOPLE[name]) if word.encode() in said] == []


def test_what_one_may_not_see_looks_like_what_nobody_made(served):
    mina = served.visitor("mina")
    refused, unheard = mina.get("/n/north/shop/shop/north-02.html"), mina.get("/n/north/shop/shop/north-99.html")
    assert (refused.status, refused.body) == (unheard.status, unheard.body)


@pytest.mark.parametrize(
    "asked", ["?network=south", "?location=north-02", "?role=franchisor", "?template=lab&theme=dark"]
)
def test_a_query_changes_nobodys_tenant(served, asked):
    mina = served.visitor("mina")
    assert mina.get(f"/n/north/{asked}").text.count("north-02") == 0
    assert mina.get(f"/n/south/{asked}").status == 404


@pytest.mark.parametrize("name", ["X-Forwarded-User", "X-Remote-User", "Authorization", "X-Forwarded-For"])
def test_no_header_signs_anybody_in(served, name):
    assert served.visitor().ask("GET", "/n/north/", None, {name: "fran", "Accept": "*/*"}).status == 401


@pytest.mark.parametrize("name", ["fran", "mina", ""])
def test_a_monitors_token_must_be_the_right_one(served, name):
    visitor = served.visitor(name)
    assert visitor.get("/metrics", Authorization="Bearer monitor").status == 200
    assert visitor.get("/metrics", Authorization="Bearer ").status != 200
    assert visitor.get("/metrics", Authorization="Bearer monito").status != 200


TRICKS = [
    *("/n/north/shop/../performance/report.html", "/n/north/shop/%2e%2e/performance/report.html"),
    *("/n/north/../south/performance/report.html", "/n/%6eorth/performance/report.html"),
    *("/n/north/%252e%252e/south/performance/report.html", "/n/north//performance/report.html", "//n/south/"),
    *("/n/north\\..\\south/performance/report.html", "/n/north/performance/report.html%00.png"),
    *("/n/north/performance/.manifest.json", "/n/north/performance/manifest.json", "/n/north/latest.json"),
    *("/n/north/performance/tables/months.parquet", "/n/north/r000001-performance/report.html"),
    *("/n/north/performance/%2fetc%2fpasswd", "/n/north/shop/shop/..%2f..%2fshop/north-02.html"),
    *("/n/south%2f..%2fnorth/", "/n/../n/south/", "/n/north/shop/shop/north-02.html;.html", "/n/NORTH/"),
    *("/voila/static/../../../../etc/passwd", "/voila/static/%2e%2e/%2e%2e/etc/passwd"),
    *("/voila/templates/lab/static/../../../../../../etc/passwd", "/voila/templates/../../etc/passwd"),
    *(
        "/voila/templates/lab/static/%2e%2e/index.html.j2",
        "/voila/labextensions/../../kernels",
        "/voila/labextensions/%00",
    ),
    *(
        "/voila/render/../../whatif.ipynb",
        "/voila/files/..%2f..%2fetc/passwd",
        "/voila/templates/x",
        "/voila/templates/x/y/z",
    ),
]


@pytest.mark.parametrize("path", TRICKS)
def test_no_way_of_writing_a_path_leads_elsewhere(served, path):
    answer = served.visitor("mina").get(path)
    assert answer.status in (303, 400, 403, 404)
    assert not any(
        word in answer.text for word in ("root:x:", "north-02", "south-0", "Traceback", str(served.workspace.root))
    )


def test_a_link_that_leads_out_of_a_run_is_not_followed(tmp_path):
    """The page is compared with its manifest, which no link's target can satisfy."""
    from barberlab.errors import Damaged
    from barberlab.runs import outputs
    from barberlab.scope import Scope
    from barberlab.serve.shelf import Shelf

    place = house.workspace(tmp_path / "house")
    home = outputs.of(place, "north")
    real = home.run(home.pointers()["performance"]["run_id"]) / "report.html"
    (tmp_path / "secret").write_text("south-01")
    real.unlink()
    real.symlink_to(tmp_path / "secret")
    with pytest.raises(Damaged, match="missing or altered"):
        Shelf(place).page(Scope("north"), "performance", "report.html")


def test_every_answer_is_hardened(served):
    for visitor, address in (
        (served.visitor(), "/login"),
        (served.visitor("fran"), "/n/north/"),
        (served.visitor(), "/x"),
    ):
        headers = visitor.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["cache-control"] == "private, no-store"
        assert "tornado" not in headers["server"].lower()


def test_a_request_that_came_by_another_name_is_refused(served):
    """DNS rebinding: a foreign page's own name, made to point at this machine."""
    assert served.visitor("fran").get("/n/north/", Host="evil.example").status == 403
    assert served.visitor("fran").get("/n/north/", Host=f"127.0.0.1.evil.example:{served.port}").status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_a_request_of_another_sites_page_is_refused(served, origin):
    assert served.visitor("fran").get("/n/north/", Origin=origin).status == 403


def test_a_network_and_a_shop_may_be_called_what_they_like(tmp_path):
    """Names are text: a script in one stays what it is, a name."""
    from barberlab.reports import doors

    name = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    shown = doors.house(
        name, name, [doors.Group(name, [doors.Door(name, f"/n/x/{name}", name, "bad")])], name, network=name
    )
    shown += doors.nothing_yet(name, name, name, (name, name)) + doors.sign_in(name, True, name)
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
