"""Nine real prefectures come in through one mapping file, visits only, and none holds a row of another."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import corner
from barberlab.data.ingest import Receipt, ingest
from barberlab.data.lab import Lab, open_lab, require
from barberlab.errors import BadInput, NotAvailable
from barberlab.scope import Scope
from barberlab.workspace import Workspace
from corner import make_workspace
from panels import panel

MAPPING = corner.REPO / "params" / "sources" / "recruit.yaml"
NINE = ("fukuoka", "hiroshima", "hokkaido", "hyogo", "miyagi", "niigata", "osaka", "shizuoka", "tokyo")


def bring(workspace: Workspace, network: str, **options) -> Receipt:
    return ingest(workspace, network, MAPPING, [panel("recruit") / "daily_visits.parquet"], **options)


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return pd.read_parquet(panel("recruit") / "daily_visits.parquet")


@pytest.fixture(scope="module")
def prefectures(tmp_path_factory) -> Workspace:
    """A workspace that holds all nine."""
    workspace = make_workspace(tmp_path_factory.mktemp("recruit") / "workspace")
    for network in NINE:
        bring(workspace, network)
    return workspace


def _lab(workspace: Workspace, network: str) -> Lab:
    return open_lab(workspace, Scope(network))


def _texts(path: Path) -> set[str]:
    """Every text that the file holds."""
    if path.suffix != ".parquet":
        return set(path.read_text().split('"'))
    columns = pq.read_table(path).columns
    return {text for column in columns for text in column.unique().to_pylist() if isinstance(text, str)}


def test_the_panel_is_nine_networks_and_all_of_it_comes_in(prefectures, raw):
    assert prefectures.networks() == sorted(raw["network_id"].unique()) == list(NINE)
    rows = sum(len(_lab(prefectures, network)["location_day"]) for network in NINE)
    assert rows == len(raw) == 251_344
    visits = sum(_lab(prefectures, network).metric("visits", grain="total")["value"].item() for network in NINE)
    assert visits == raw["visits"].sum() == 5_268_357


@pytest.mark.parametrize("network", NINE)
def test_visits_of_every_month_are_the_panels(prefectures, raw, network):
    theirs = raw[raw["network_id"] == network]
    theirs = theirs.groupby(theirs["date"].dt.to_period("M").dt.start_time)["visits"].sum()
    ours = _lab(prefectures, network).metric("visits").set_index("period")["value"]
    assert ours.to_dict() == theirs.to_dict()


def test_visits_are_told_by_shop_and_week(prefectures, raw):
    theirs = raw[raw["network_id"] == "niigata"]
    theirs = theirs.assign(period=theirs["date"] - pd.to_timedelta(theirs["date"].dt.day_of_week, unit="D"))
    theirs = theirs.groupby(["location_id", "period"])["visits"].sum()
    ours = _lab(prefectures, "niigata").metric("visits", by="shop", grain="week")
    assert set(ours["period"].dt.day_name()) == {"Monday"}
    assert ours.set_index(["location_id", "period"])["value"].to_dict() == theirs.to_dict()


@pytest.mark.parametrize("network", NINE)
def test_a_prefectures_folder_holds_no_shop_of_another(prefectures, raw, network):
    shops = raw.groupby("network_id")["location_id"].agg(set)
    strangers = set().union(*shops.drop(network))
    texts = set().union(*(_texts(path) for path in prefectures.network(network).rglob("*") if path.is_file()))
    assert shops[network] <= texts
    assert not strangers & texts
    assert not set(NINE) - {network} & texts


def test_there_is_no_money_and_every_metric_says_what_it_needs(prefectures):
    lab = _lab(prefectures, "hyogo")
    needs = lab.metrics()["needs"]
    assert needs.index[needs.isna()].to_list() == ["visits"]
    for name in ("net_service_revenue", "net_retail_revenue", "revenue_per_available_hour"):
        with pytest.raises(NotAvailable, match="not available: needs table 7, payments"):
            require(lab.metric(name))
    assert needs[["average_ticket", "utilisation", "no_show_rate"]].str.startswith("table ").all()


def test_a_level_of_shops_and_days_ends_with_its_last_day(prefectures):
    lab = _lab(prefectures, "osaka")
    assert lab.as_of.isoformat() == "2017-04-22T15:00:00+00:00"  # midnight in Tokyo
    assert lab.facts["level"] == "day"
    assert lab.metric("visits", grain="day", since="2017-04-22")["period"].dt.date.to_list() == [lab.today]


def test_the_same_panel_again_changes_nothing(prefectures):
    again = bring(prefectures, "miyagi")
    assert (again.changed, again.version.number) == (False, 1)


def test_a_prefecture_that_is_not_in_the_panel_is_refused(workspace):
    with pytest.raises(BadInput, match="the SELECT gives 0 rows for 'tokio', not one"):
        bring(workspace, "tokio", as_of="2017-04-22")
    assert workspace.networks() == []


# Where panels are absent


def test_a_test_on_an_absent_panel_is_skipped_with_its_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("BARBERLAB_PANELS", str(tmp_path))
    monkeypatch.delenv("BARBERLAB_PANELS_REQUIRED", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"the real panel 'recruit' is not at .*BARBERLAB_PANELS may name"):
        panel("recruit")


def test_a_test_on_an_absent_panel_fails_where_panels_are_required(monkeypatch, tmp_path):
    monkeypatch.setenv("BARBERLAB_PANELS", str(tmp_path))
    monkeypatch.setenv("BARBERLAB_PANELS_REQUIRED", "1")
    with pytest.raises(pytest.fail.Exception, match="BARBERLAB_PANELS_REQUIRED says that it must"):
        panel("recruit")
