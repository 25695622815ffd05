"""What a reader gets is what was published, of its own network, or an error that says why not."""

import random

import bench
import pandas as pd
import pytest

from barberlab import runs
from barberlab.errors import BadInput, Damaged, NotAvailable
from barberlab.runs import inside, published, runner
from barberlab.scope import Scope

SHOPS = pd.DataFrame({"location_id": ["s1", "s2"], "revenue_cents": [120_00, -5_00]})
SHOPS.attrs = {"unit": "cents"}


def printed(values):
    runs.keep("shops", SHOPS)
    runs.keep("network", pd.DataFrame({"revenue_cents": [115_00]}))
    return f"takings of {values['network']}"


def shop_pages(tables, context):
    return {f"shop/{shop}.html": f"<h1>{shop}</h1>" for shop in tables["shops"]["location_id"]}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Two networks, published."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north", "south")
    bench.pretend(monkeypatch, printed)
    runner.run(made, ["north", "south"], pages=bench.pages(makers={"performance": shop_pages}))
    return made


def latest(place, network="north", **scope):
    return published.latest(place, Scope(network, **scope), "performance")


def test_a_table_comes_back_as_the_notebook_kept_it(place):
    found = latest(place)
    assert found.tables() == ["network", "shops"]
    pd.testing.assert_frame_equal(found.table("shops"), SHOPS)
    assert found.table("shops").attrs == {"unit": "cents"}
    assert found.pages() == ["report.html", "shop/s1.html", "shop/s2.html"]
    assert "takings of north" in found.page()


def test_a_scope_of_some_shops_sees_their_rows_and_pages_only(place):
    owner = latest(place, role="owner", locations=frozenset({"s2"}))
    assert owner.table("shops")["location_id"].tolist() == ["s2"]
    assert owner.pages() == ["shop/s2.html"]
    assert owner.page("shop/s2.html") == "<h1>s2</h1>"
    for path in ("report.html", "shop/s1.html", "../south/report.html", "manifest.json"):
        with pytest.raises(NotAvailable, match="page"):
            owner.page(path)
    with pytest.raises(NotAvailable, match="table network of performance: not available: needs the whole network"):
        owner.table("network")


def test_a_scope_of_some_shops_reads_no_row_and_no_category_of_others(place, monkeypatch):
    """A categorical column carries the names of all its categories, whichever rows are left."""
    shops = SHOPS.astype({"location_id": "category"}).assign(lead=pd.Categorical(["p1", "p2"]))
    monkeypatch.setattr(published.Published, "_content", lambda *_: inside.parquet(shops))
    read, rows = pd.read_parquet, []
    monkeypatch.setattr(pd, "read_parquet", lambda *a, **k: rows.append(read(*a, **k)) or rows[-1])
    found = latest(place, role="owner", locations=frozenset({"s2"})).table("shops")
    assert [len(frame) for frame in rows] == [1]
    assert found["lead"].tolist() == ["p2"]
    assert (list(found["location_id"].cat.categories), list(found["lead"].cat.categories)) == (["s2"], ["p2"])
    assert found.attrs == SHOPS.attrs
    assert found.index.tolist() == [0]


def test_nobody_reads_another_network_or_outside_the_outputs(place):
    assert "takings of south" in latest(place, "south").page()
    for network in ("../north", "north/../south", "north\n", "NORTH", ""):
        with pytest.raises(BadInput, match="must be 2 to 32"):
            latest(place, network)
    with pytest.raises(BadInput, match="operator sees runs and failures"):
        latest(place, role="operator")


def test_a_run_put_among_another_networks_runs_is_not_read(place):
    north, south = place.outputs / "north", place.outputs / "south"
    (north / "latest.json").write_bytes((south / "latest.json").read_bytes())
    with pytest.raises(Damaged, match="manifest was altered"):
        latest(place)
    run_id = "r000001-performance"
    for path in (south / run_id).rglob("*"):
        if path.is_file():
            (north / run_id / path.relative_to(south / run_id)).write_bytes(path.read_bytes())
    with pytest.raises(Damaged, match="run r000001-performance: belongs to 'south'"):
        latest(place)


def test_what_was_never_run_or_kept_is_not_available(place):
    with pytest.raises(NotAvailable, match="report 'shop' of 'north': not available: needs a run: barberlab run north"):
        published.latest(place, Scope("north"), "shop")
    with pytest.raises(NotAvailable, match="report 'performance' of 'west'"):
        latest(place, "west")
    with pytest.raises(BadInput, match="keeps no table 'barbers'; it keeps network, shops"):
        latest(place).table("barbers")


def files_of(place):
    folder = place.outputs / "north" / "r000001-performance"
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_one_flipped_bit_anywhere_in_a_published_run_is_noticed(place):
    draw = random.Random(7)
    for path in files_of(place):
        content = path.read_bytes()
        for _ in range(5):
            at = draw.randrange(len(content))
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :])
            with pytest.raises(Damaged, match=r"run r000001-performance: .* run the report again"):
                latest(place)
        path.write_bytes(content)
    assert latest(place).table("shops").shape == (2, 2)


def test_a_table_that_was_altered_after_it_was_opened_is_not_read(place):
    found = latest(place)
    (found.folder / "tables" / "shops.parquet").write_bytes(b"PAR1")
    with pytest.raises(Damaged, match=r"tables/shops\.parquet is missing or altered"):
        found.table("shops")


def test_a_missing_file_is_noticed(place):
    (place.outputs / "north" / "r000001-performance" / "shop" / "s1.html").unlink()
    with pytest.raises(Damaged, match=r"shop/s1\.html is missing or altered"):
        latest(place)


def test_a_file_that_somebody_added_is_not_part_of_the_run(place):
    (place.outputs / "north" / "r000001-performance" / "extra.html").write_text("x")
    assert "extra.html" not in latest(place).pages()


def test_the_index_says_what_stands_and_what_failed_since(place, monkeypatch):
    [standing] = published.standings(place, "north")
    assert (standing.network, standing.name, standing.report) == ("north", "Corner Barbers", "performance")
    assert standing.page == "r000001-performance/report.html"
    assert (standing.as_of.isoformat(), standing.timezone) == (bench.AS_OF, "America/New_York")
    assert (standing.period, standing.reason) == ("", "")
    bench.pretend(monkeypatch, lambda values: 1 / 0)
    runner.run(place, ["north"], force=True, pages=bench.pages())
    [standing] = published.standings(place, "north")
    assert standing.page == "r000001-performance/report.html"
    assert standing.reason == "ZeroDivisionError: division by zero"


def test_the_index_names_a_damaged_run_instead_of_linking_it(place):
    (place.outputs / "north" / "r000001-performance" / "manifest.json").write_text("{}")
    [standing] = published.standings(place, "north")
    assert (standing.page, standing.run_id) == (None, None)
    assert "manifest" in standing.reason
    published.index(place, bench.pages())
    assert "south performance r000001-performance/report.html" in (place.outputs / "index.html").read_text()


def test_the_index_is_not_touched_where_nothing_changed(place):
    path = published.index(place, bench.pages())
    before = path.stat().st_mtime_ns
    assert published.index(place, bench.pages()) == path
    assert path.stat().st_mtime_ns == before
