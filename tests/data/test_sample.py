"""The simulated networks keep the contract and their own truth, and show the effects planted in them."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from barberlab.data.contract import TABLES
from barberlab.data.ingest import ingest
from barberlab.data.sample import NETWORKS, day_chunks, day_network, simulate, simulate_days, tiny
from barberlab.data.sample.axis import Axis
from barberlab.data.sample.book import nearest
from barberlab.data.sample.clients import draw_clients
from barberlab.data.sample.life import Life
from barberlab.data.sample.shops import draw_shops
from barberlab.data.sample.spec import stream
from barberlab.data.sample.world import draw_world
from barberlab.errors import BadInput

CAME = ["completed", "unresolved"]
HELD = ["completed", "no_show", "unresolved", "booked"]
PRICE_RISE = replace(NETWORKS["north"], rises=2.0, rise=(0.25, 0.25))  # one in six months


@pytest.fixture(scope="module")
def year():
    """Four shops over a year: one opens, one closes, one is refurbished; both clock changes and a Christmas inside."""
    return simulate("valley", seed=2, shops=4, months=12, until=date(2025, 5, 31))


@pytest.fixture(scope="module")
def small():
    """The committed sample."""
    return tiny()


@pytest.fixture(scope="module", params=["year", "small"])
def network(request):
    """Both of them, one after the other."""
    return request.getfixturevalue(request.param)


def digest(sample) -> int:
    """One number of all the bytes of all tables and truths."""
    frames = [*sample.tables.values(), *sample.truth.values()]
    return hash(tuple(pd.util.hash_pandas_object(frame).to_numpy().tobytes() for frame in frames))


def with_local(frame: pd.DataFrame, sample, *columns: str) -> pd.DataFrame:
    """The frame with naive local times of `columns`, by each row's shop, as `local_<column>`."""
    zones = sample.tables["locations"].set_index("location_id")["timezone"]
    parts = []
    for zone, rows in frame.groupby(frame["location_id"].map(zones)):
        local = {f"local_{c}": rows[c].dt.tz_convert(zone).dt.tz_localize(None) for c in columns}
        parts.append(rows.assign(**local))
    return pd.concat(parts)


def visits(sample, statuses: list[str]) -> pd.DataFrame:
    """Appointments of these statuses with local start, local day and end."""
    booked = sample.tables["appointments"]
    kept = with_local(booked[booked["status"].isin(statuses)], sample, "start")
    day = kept["local_start"].dt.normalize()
    return kept.assign(day=day, end=kept["start"] + pd.to_timedelta(kept["duration_min"].astype("int64"), unit="min"))


def test_the_same_network_and_seed_are_the_same_bytes(small):
    assert digest(tiny()) == digest(small)


def test_another_process_makes_the_same_bytes(small):
    code = (
        "import pandas as pd; from barberlab.data.sample import tiny; "
        "print([int(pd.util.hash_pandas_object(f).sum()) for f in tiny().tables.values()])"
    )
    run = [sys.executable, "-c", code]
    said = subprocess.run(run, env=os.environ | {"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str([int(pd.util.hash_pandas_object(f).sum()) for f in small.tables.values()])


def test_another_seed_or_another_name_is_another_network():
    one, seed, name = (simulate(n, s, shops=1, months=2) for n, s in (("aa", 1), ("aa", 2), ("ab", 1)))
    starts = [set(sample.tables["appointments"]["start"]) for sample in (one, seed, name)]
    assert starts[0] != starts[1]
    assert starts[0] != starts[2]


def test_every_table_keeps_the_contract(network):
    for name, frame in network.tables.items():
        TABLES[name].schema.validate(frame.assign(as_of=network.as_of), lazy=True)
        assert not frame.duplicated(list(TABLES[name].key)).any(), name
        assert (frame["network_id"] == network.name).all()
        assert len(frame), name


def test_no_two_rows_overlap_that_must_not(network):
    for table in TABLES.values():
        for who, start, end, only in table.overlaps if table.name in network.tables else ():
            frame = network.tables[table.name]
            if only != "true":
                frame = frame[frame["is_primary"]] if only == "is_primary" else frame[frame["kind"] == "available"]
            frame = frame.sort_values([*who, start])
            until = frame[end].fillna(pd.Timestamp("2100-01-01", tz=getattr(frame[end].dt, "tz", None)))
            assert not (frame[start] < until.groupby([frame[c] for c in who]).shift()).any(), table.name


def test_a_network_goes_through_ingest_with_every_gate_passed(small, workspace, tmp_path):
    files = [tmp_path / f"{name}.parquet" for name in small.tables]
    for file, frame in zip(files, small.tables.values(), strict=True):
        frame.to_parquet(file)
    mapping = workspace.params / "sources" / "contract.yaml"
    receipt = ingest(workspace, "tiny", mapping, files, small.as_of.isoformat())
    assert receipt.bad == 0
    assert [g["gate"] for g in receipt.version.manifest["quality"] if not g["passed"]] == []


def test_nobody_comes_after_leaving_for_good(network):
    gone = network.truth["clients"].set_index("client_id")["drop_out_on"]
    came = visits(network, CAME).dropna(subset="client_id")
    left = came["client_id"].map(gone)
    assert left.notna().sum() > 100
    assert not (came["day"] > left).any()


def test_every_leaving_has_a_cause_and_only_leavings_have_one(network):
    clients = network.truth["clients"]
    assert (clients["drop_out_on"].notna() == clients["drop_out_cause"].notna()).all()


def test_no_visit_falls_on_a_closed_day_or_outside_a_shops_life(network):
    days = network.truth["days"].set_index(["location_id", "date"])["is_open"]
    came = visits(network, [*CAME, "no_show"])
    assert days.loc[list(zip(came["location_id"], came["day"], strict=True))].all()
    shops = network.tables["locations"].set_index("location_id")
    assert (came["day"] >= came["location_id"].map(shops["opened_on"])).all()
    assert not (came["day"] >= came["location_id"].map(shops["closed_on"])).any()


def test_holidays_and_refurbishment_close_shops(year):
    closures = year.truth["closures"]
    assert set(closures["reason"]) == {"public_holiday", "refurbishment"}
    assert pd.Timestamp("2024-12-25") in set(closures["date"])
    shut = closures.merge(visits(year, HELD), left_on=["location_id", "date"], right_on=["location_id", "day"])
    assert shut.empty


def test_a_barber_has_one_client_at_a_time(network):
    held = visits(network, HELD).sort_values(["staff_id", "start"])
    assert not (held["start"] < held.groupby("staff_id")["end"].shift()).any()


def test_a_barber_is_on_shift_for_every_visit(network):
    shifts = network.tables["shifts"]
    on_floor = shifts[shifts["kind"] == "available"].sort_values("start")
    held = visits(network, HELD).sort_values("start")
    both = pd.merge_asof(held, on_floor, on="start", by=["staff_id", "location_id"], suffixes=("", "_shift"))
    assert (both["end"] <= both["end_shift"]).all()


def test_a_barber_is_assigned_to_the_shop_of_every_visit(network):
    spells = network.tables["staff_assignments"][["staff_id", "location_id", "valid_from", "valid_to"]]
    held = visits(network, HELD)
    both = held.merge(spells, on=["staff_id", "location_id"])
    covered = both[(both["day"] >= both["valid_from"]) & ~(both["day"] >= both["valid_to"])]
    assert set(covered["appointment_id"]) == set(held["appointment_id"])


def test_service_payments_are_exactly_the_completed_visits_of_each_shop_and_month(network):
    done = visits(network, ["completed"])
    asked = (done["price_cents"] - done["discount_cents"]).groupby([done["location_id"], done["day"].dt.to_period("M")])
    lines = network.tables["payments"]
    lines = with_local(lines[lines["kind"] == "service"], network, "paid_at")
    paid = (lines["gross_cents"] - lines["discount_cents"]).groupby(
        [lines["location_id"], lines["local_paid_at"].dt.to_period("M")]
    )
    pd.testing.assert_series_equal(asked.sum(), paid.sum(), check_names=False)


def test_what_lies_ahead_is_booked_and_within_the_open_diary(network):
    booked = network.tables["appointments"]
    ahead = booked["start"] >= network.as_of
    assert set(booked.loc[ahead, "status"]) <= {"booked", "cancelled"}
    assert (booked.loc[ahead, "status"] == "booked").any()
    assert (booked.loc[~ahead, "status"] != "booked").all()
    assert (booked["start"] < network.as_of + pd.Timedelta(days=85)).all()
    assert (booked["booked_at"] < network.as_of).all()
    assert not (booked["cancelled_at"] >= network.as_of).any()
    assert (booked["booked_at"] <= booked["start"]).all()


@pytest.mark.parametrize("change", ["2024-11-03", "2025-03-09"])
def test_local_hours_are_the_same_on_both_sides_of_a_clock_change(year, change):
    shifts = year.tables["shifts"]
    shifts = with_local(shifts[shifts["kind"] == "available"], year, "start")
    week = pd.Timedelta(days=7)
    before = shifts[shifts["local_start"].between(pd.Timestamp(change) - week, pd.Timestamp(change))]
    after = shifts[shifts["local_start"].between(pd.Timestamp(change), pd.Timestamp(change) + week)]
    open_through = set(before["location_id"]) & set(after["location_id"])
    zones = year.tables["locations"].set_index("location_id")["timezone"]
    assert zones[list(open_through)].nunique() == 2
    for shop in open_through:
        hours = [rows.loc[rows["location_id"] == shop, "local_start"].dt.hour for rows in (before, after)]
        utc = [rows.loc[rows["location_id"] == shop, "start"].dt.hour for rows in (before, after)]
        assert hours[0].min() == hours[1].min()
        assert abs(utc[0].min() - utc[1].min()) == 1


def test_the_weeks_before_christmas_are_fuller_than_november_and_january():
    harbour = simulate("harbour", seed=6, shops=2, months=7, until=date(2025, 1, 31))
    days = visits(harbour, CAME)["day"]
    spans = (("2024-11-04", "2024-11-30"), ("2024-12-09", "2024-12-22"), ("2025-01-06", "2025-01-31"))
    before, christmas, after = (days.between(*span).sum() / np.busday_count(*span) for span in spans)
    assert christmas > 1.15 * before
    assert christmas > 1.2 * after


def test_a_dearer_shop_is_visited_less_often_if_and_only_if_its_clients_mind():
    deaf, minding = (
        simulate("north", seed=4, shops=2, months=6, spec=replace(PRICE_RISE, elasticity=e)) for e in (0.0, -1.5)
    )
    rise = deaf.truth["price_steps"].groupby("location_id")["valid_from"].min()
    assert rise.equals(minding.truth["price_steps"].groupby("location_id")["valid_from"].min())
    later, earlier = ([], [])
    for sample in (deaf, minding):
        came = visits(sample, CAME)
        since = came["location_id"].map(rise)
        later.append((came["day"] >= since + pd.Timedelta(days=30)).sum())
        earlier.append((came["day"] < since).sum())
    # A quarter dearer at an elasticity of -1.5 is 28% fewer, and less than that while old intervals run out.
    assert later[1] < 0.85 * later[0]
    assert earlier[1] == pytest.approx(earlier[0], rel=0.05)


def test_rhythms_can_be_found_again(year):
    came = visits(year, CAME).dropna(subset="client_id").sort_values("start")
    gaps = came.groupby("client_id")["day"].diff().dt.days.groupby(came["client_id"]).agg(["mean", "count"])
    truth = year.truth["clients"].set_index("client_id")
    steady = gaps[gaps["count"] >= 5].join(truth["mean_gap_days"])
    assert len(steady) > 300
    assert np.corrcoef(np.log(steady["mean"]), np.log(steady["mean_gap_days"]))[0, 1] > 0.75


def test_hold_outs_of_a_campaign_were_not_written_to_but_would_have_been(year):
    sent, planted = year.tables["contacts"], year.truth["contacts"]
    assert sent["is_holdout"].mean() == pytest.approx(0.25, abs=0.04)
    assert (sent.loc[sent["is_holdout"], "cost_cents"] == 0).all()
    assert (planted.loc[planted["comes_anyway"] | ~planted["is_client"], "uplift"] == 0).all()
    assert 0.01 < planted["uplift"].mean() < 0.2


def test_the_committed_sample_is_small_and_holds_every_feature(small):
    t = small.tables
    assert {"booked", "completed", "cancelled", "no_show", "unresolved"} == set(t["appointments"]["status"])
    assert {"online", "phone", "walk_in", "recurring"} == set(t["appointments"]["channel"])
    assert t["appointments"]["client_id"].isna().any()
    assert {"refunded", "partially_refunded"} < set(t["payments"]["status"])
    assert {"service", "retail", "membership", "gift_card_sale", "fee", "chair_rent"} == set(t["payments"]["kind"])
    assert (t["payments"]["gift_card_cents"] > 0).any()
    assert t["payments"]["tip_cents"].isna().any()
    assert {"available", "time_off", "closed"} == set(t["shifts"]["kind"])
    assert t["staff_assignments"].groupby("staff_id")["location_id"].nunique().max() == 2
    assert t["staff_assignments"]["valid_to"].notna().any()
    assert t["clients"]["erased_on"].notna().any()
    assert {"compliant", "non_compliant", "pending", "expired"} == set(t["compliance_items"]["status"])
    assert (small.truth["price_steps"]["log_step"] > 0).any()
    size = 0
    for frame in t.values():
        frame.to_parquet(buffer := BytesIO(), compression="zstd")
        size += len(buffer.getvalue())
    assert size < 300_000


def test_the_first_free_time_nearest_to_the_wish_is_found():
    """By hand: 12 bits, free 1-4 and 8-11; and against looking at every place in turn."""
    free = 0b1111_0001_1110
    assert nearest(free, need=3, wish=1) == 1
    assert nearest(free, need=3, wish=4) == 2  # two before beats four after
    assert nearest(free, need=3, wish=5) == 8  # at a tie, the later one
    assert nearest(free, need=3, wish=6) == 8
    assert nearest(free, need=5, wish=6) == -1
    rng = np.random.default_rng(1)
    for _ in range(300):
        free, need, wish = int(rng.integers(0, 1 << 40)), int(rng.integers(1, 6)), int(rng.integers(0, 40))
        places = [i for i in range(45) if all(free >> j & 1 for j in range(i, i + need))]
        distance = abs(nearest(free, need, wish) - wish)
        assert distance == min((abs(i - wish) for i in places), default=abs(-1 - wish))


@pytest.mark.parametrize("wrong", [{"shops": 0}, {"months": 0}, {"seed": -1}])
def test_nothing_to_simulate_is_said_at_once(wrong):
    with pytest.raises(BadInput, match="needs at least a shop, a month and a seed >= 0"):
        simulate("north", **({"seed": 1} | wrong))


def test_a_name_that_cannot_be_a_folder_is_refused():
    with pytest.raises(BadInput, match="must be 2 to 32"):
        simulate("../north", seed=1)


def test_days_of_a_large_network_do_not_depend_on_how_they_are_cut():
    whole = simulate_days(7, seed=3, months=3)
    cut = pd.concat(day_chunks(7, seed=3, months=3, block=2), ignore_index=True)
    pd.testing.assert_frame_equal(whole.tables["location_day"], cut)
    fewer = pd.concat(day_chunks(4, seed=3, months=3), ignore_index=True)
    pd.testing.assert_frame_equal(cut[cut["location_id"] <= "shop-00003"], fewer)


def test_days_of_a_large_network_keep_the_contract_and_add_up():
    chain = simulate_days(40, seed=3, months=14)
    for name, frame in chain.tables.items():
        TABLES[name].schema.validate(frame.assign(as_of=chain.as_of), lazy=True)
        assert not frame.duplicated(list(TABLES[name].key)).any(), name
    days = chain.tables["location_day"]
    assert (days["bookings"] == days["completed"] + days["no_shows"] + days["cancellations"]).all()
    assert (days["booked_min"] <= days["available_min"]).all()
    assert (days["clients"] <= days["completed"]).all()
    assert (days.loc[days["available_min"] == 0, "bookings"] == 0).all()


def test_a_planted_dip_shows_in_the_days_of_its_shop():
    chain = simulate_days(150, seed=3, months=12)
    days = chain.tables["location_day"].set_index("location_id")
    planted = chain.truth["locations"].dropna(subset="dip_on").set_index("location_id")
    assert len(planted) >= 4
    ratios = []
    for shop, dip in planted.iterrows():
        past = (days.loc[shop, "local_date"] - dip["dip_on"]).dt.days
        inside, around = past.between(0, dip["dip_days"] - 1), past.between(-42, -1)
        ratios.append(days.loc[shop, "completed"][inside].mean() / days.loc[shop, "completed"][around].mean())
    assert np.mean(ratios) == pytest.approx(np.exp(planted["dip_log"]).mean(), abs=0.15)


def test_networks_do_not_lose_their_shops_in_one_and_the_same_week():
    axis = Axis.until(date(2025, 6, 30), 36)
    networks = [draw_shops(NETWORKS["north"], axis, 8, stream("north", seed, "shops")) for seed in range(60)]
    closed = np.array([shops.closed[1] for shops in networks]) / axis.past
    assert closed.min() >= 0.25
    assert closed.max() <= 0.9
    shares = np.histogram(closed, bins=[0.25, 0.45, 0.7, 0.9])[0] / len(closed)
    assert shares.min() > 0.15  # of thirds of the time, of which each should have about one


def test_a_life_told_in_two_parts_is_the_same_life():
    def life(*parts: tuple[int, int | None]) -> Life:
        axis = Axis.until(date(2025, 6, 30), 2)
        world = draw_world(NETWORKS["north"], "aa", 5, axis, 1)
        told = Life(world, draw_clients(world, stream("aa", 5, "clients")), stream("aa", 5, "life"))
        for first, until in parts:
            told.run(first, until)
        return told

    whole, parts = (one.log.bookings() for one in (life((0, None)), life((0, 20), (20, None))))
    for column, values in whole.items():
        np.testing.assert_array_equal(values, parts[column])


def test_shops_of_a_large_network_are_known_without_their_days():
    known, whole = (make(5, seed=3, months=2) for make in (day_network, simulate_days))
    pd.testing.assert_frame_equal(known.tables["locations"], whole.tables["locations"])
    assert "location_day" not in known.tables


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_sample_network_looks_like_the_trade(name):
    """Bars of the trade, measured on the third year of the whole network."""
    sample = simulate(name, seed=1)
    booked = visits(sample, HELD)
    booked = booked[booked["day"].between("2024-07-01", "2025-06-30")]
    done, missed = ((booked["status"] == s).sum() for s in ("completed", "no_show"))
    assert 0.03 < missed / (done + missed) < 0.08
    buffers = booked["service_id"].map(sample.tables["services"].set_index("service_id")["buffer_min"])
    shifts = sample.tables["shifts"]
    shifts = shifts[(shifts["kind"] == "available") & shifts["start"].between("2024-07-01T05Z", sample.as_of)]
    free = (shifts["end"] - shifts["start"]).dt.total_seconds().sum() / 60
    assert 0.5 < (booked["duration_min"] + buffers).sum() / free < 0.85
    lines = sample.tables["payments"]
    service = lines[(lines["kind"] == "service") & (lines["paid_at"] >= "2024-07-01T05Z")]
    net = (service["gross_cents"] - service["discount_cents"] - service["refund_cents"]) / 100
    assert 30 < net.sum() / done < 58
    a_barber = net.groupby(service["staff_id"]).sum()
    staff = sample.truth["barbers"].set_index("staff_id")
    whole_year = staff[(staff["joined_on"] < "2024-07-01") & staff["left_on"].isna()].index
    assert 50_000 < a_barber[whole_year].mean() < 110_000
