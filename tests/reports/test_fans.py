"""A fan opens from what is known, its bands lie within each other, and it says its numbers aloud."""

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput
from barberlab.reports import figures, prose
from barberlab.reports.fans import ENDS

EUROS = prose.Money("EUR")


def frame(known=14, ahead=6, level=20_000_000) -> pd.DataFrame:
    """Months of 200,000 euros, then a fan that opens by 5,000 a month."""
    months = pd.date_range("2024-05-01", periods=known + ahead, freq="MS")
    data = pd.DataFrame({"period": months, "value": [level] * known + [np.nan] * ahead})
    age = np.r_[np.full(known, np.nan), np.arange(1, ahead + 1)]
    data["mid"] = level + 0 * age
    for inside, reach in (("50", 1), ("80", 2), ("95", 3)):
        data[f"low{inside}"], data[f"high{inside}"] = level - 500_000 * age * reach, level + 500_000 * age * reach
    return data


def fan(data, **options):
    return figures.fan(data, **{"title": "T", "subtitle": "S", "slug": "fan", "form": EUROS} | options)


def texts(drawing) -> list[str]:
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", str(drawing))]


def test_the_last_known_month_and_the_ends_of_the_last_ranges_are_named():
    shown = set(texts(fan(frame()).wide))
    assert {"€200k", "Dec €200k", "€290k, 19 in 20", "€260k, 8 in 10", "€140k", "€110k", "known", "forecast"} <= shown
    assert {"Dec €200k", "€290k", "€260k"} <= set(texts(fan(frame()).phone))


def test_what_is_heard_is_what_is_seen():
    alt = fan(frame()).alt
    assert alt == (
        "T. Known to June 2025 (€200k), foreseen to December 2025: €200k, 8 in 10 from €140k to €260k, 19 in 20 from "
        "€110k to €290k."
    )


def test_three_bands_lie_in_each_other_wide_ones_first():
    drawn = str(fan(frame()).wide)
    order = [drawn.index(f"var(--{colour})") for colour in ("b95", "b80", "b50", "med", "ink)"[:-1])]
    assert order[:4] == sorted(order[:4])
    assert [key.label for key in fan(frame()).key] == ["1 in 2", "8 in 10", "19 in 20"]


def test_the_table_under_it_holds_all_numbers():
    figure = fan(frame())
    assert len(figure.numbers) == 20
    assert set(figure.numbers) == {"period", "value", "mid", *ENDS}
    assert "December 2025" in figure.numbers_table


def test_a_scenario_is_an_outline_on_the_same_scale():
    data = frame()
    higher = data.assign(low80=data["low80"] + 20_000_000, high80=data["high80"] + 20_000_000)
    figure = fan(data, scenario=higher[data["mid"].notna()], scenario_name="Prices +5%")
    assert figure.key[-1].label == "Prices +5%"
    assert figure.key[-1].kind == "outline"
    highest = max(float(t.removeprefix("€").removesuffix("k")) for t in texts(figure.wide) if re.fullmatch(r"€\d+k", t))
    assert highest >= 400


@pytest.mark.parametrize("known", [1, 2, 30])
@pytest.mark.parametrize("ahead", [1, 2, 12])
def test_short_and_long_ones_are_drawn(known, ahead):
    figure = fan(frame(known, ahead))
    assert "known" in texts(figure.wide)
    assert len(figure.numbers) == known + ahead


def test_weeks_are_drawn_as_well():
    data = frame().assign(period=pd.date_range("2025-01-06", periods=20, freq="7D"))
    assert "foreseen to week of 19 May 2025" in fan(data).alt


def test_nothing_known_or_nothing_foreseen_is_no_fan():
    data = frame()
    for part in (data[data["mid"].isna()], data[data["value"].isna()], data.iloc[::-1]):
        with pytest.raises(BadInput, match="needs known periods and then foreseen ones"):
            fan(part)
    with pytest.raises(BadInput, match="fan: no column 'low80'"):
        fan(data.drop(columns="low80"))


def test_a_script_in_a_title_is_text():
    html = str(fan(frame(), title="<script>alert(1)</script>").html)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def several(count=3, **options):
    names = [f"Shop {k}" for k in range(count)]
    data = pd.concat({name: frame(level=10_000_000 * (k + 1)) for k, name in enumerate(names)}, names=["shop"])
    return figures.fans(data.reset_index("shop"), "shop", **{"title": "T", "subtitle": "S", "form": EUROS} | options)


def test_each_shop_has_its_fan_with_its_last_range():
    figure = several()
    for drawing in (figure.wide, figure.phone):
        shown = set(texts(drawing))
        assert {"Shop 0", "Shop 1", "Shop 2"} <= shown
        assert "€40,000–€160,000" in shown
    assert "3 small fans on one scale" in figure.alt
    assert len(figure.numbers) == 3 * 20
    assert figure.columns[0].label == "Shop"


def test_ten_fans_and_one_without_a_future_are_refused():
    with pytest.raises(BadInput, match="10 panels, at most 9"):
        several(10)
    whole = frame()
    with pytest.raises(BadInput, match="each needs known periods and then foreseen ones"):
        figures.fans(whole[whole["value"].notna()].assign(shop="a"), "shop", title="T", subtitle="S")
