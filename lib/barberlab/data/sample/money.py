"""Who paid what? A line per service, product, plan, card and rent, with tips, taxes, refunds and the barber's share."""

import numpy as np
import pandas as pd

from barberlab.data.sample.frames import ids, known, table, words
from barberlab.data.sample.log import NO_SHOW
from barberlab.data.sample.story import Story

METHODS = ("card", "cash", "gift_card", "other")
CARD, CASH, GIFT_CARD, OTHER = range(4)
PLAN_DAYS = 30
PRODUCTS = (1495, 1895, 2295, 2895)  # minor units; never a whole unit, so that no product costs what a service costs
_RETAIL_SHARE, _CARD_SALE_SHARE, _REDEEMED_SHARE = 0.08, 0.006, 0.01
_REFUND_SHARE, _FULL = 0.004, 0.6
_FEE_SHARE = 0.3  # of missed visits are charged for, where there is a fee
_CASH_SHARE, _TIPPED = 0.22, 0.82
_COMMISSION = {"commission": (4500, 5500), "hybrid": (6000, 6500)}
_CHAIR_RENT = {"booth_rental": (220, 300), "hybrid": (80, 120)}  # whole units a week
_COLUMNS = ("kind", "shop", "barber", "client", "booking", "gross", "discount", "day", "minute")


def terms(story: Story) -> tuple[np.ndarray, np.ndarray]:
    """(barber) share of takings in basis points and rent of the chair in minor units a week; -1 where there is none."""
    rng, shops, home = story.rng("terms"), story.world.shops, story.world.staff.home
    share, rent = np.full(len(home), -1), np.full(len(home), -1)
    for barber, shop in enumerate(home):
        if shops.pay[shop] in _COMMISSION:
            share[barber] = rng.integers(*_COMMISSION[shops.pay[shop]]) // 250 * 250
        if shops.pay[shop] in _CHAIR_RENT:
            rent[barber] = 100 * rng.integers(*_CHAIR_RENT[shops.pay[shop]])
    return share, rent


def plan_price(story: Story) -> int:
    """A membership's price for 30 days, in minor units."""
    return 100 * round(0.3 * story.world.spec.haircut)


def payments(story: Story) -> pd.DataFrame:
    """Table 7, in order of payment."""
    rng = story.rng("money")
    kinds = [_services(story), _plans(story), _rents(story)]
    kinds += [_retail(story, rng), _gift_cards(story, rng), _fees(story, rng)]
    lines = pd.concat([pd.DataFrame(dict(zip(_COLUMNS, kind, strict=True))) for kind in kinds])
    lines = lines.sort_values(["day", "minute", "booking"], kind="stable", ignore_index=True)
    return _table(story, lines, rng)


def _services(story: Story) -> tuple:
    """A line for the service and one for the add-on; a discount is written against the service."""
    v, done = story.visits, np.flatnonzero(story.completed)
    extra = done[story.addon[done] > 0]
    at = np.concatenate([done, extra])
    gross = np.concatenate([story.price[done], story.addon[extra]])
    discount = np.concatenate([story.discount[done], np.zeros(len(extra), dtype=int)])
    end = v["minute"][at] + v["minutes"][at]
    return "service", v["shop"][at], v["barber"][at], v["client"][at], at, gross, discount, v["day"][at], end


def _sold_with(story: Story, kind: str, share: float, prices: tuple[int, ...], rng: np.random.Generator) -> tuple:
    v, done = story.visits, np.flatnonzero(story.completed)
    at = done[rng.random(len(done)) < share]
    gross = rng.choice(prices, len(at))
    end = v["minute"][at] + v["minutes"][at]
    return kind, v["shop"][at], v["barber"][at], v["client"][at], at, gross, 0, v["day"][at], end


def _retail(story: Story, rng: np.random.Generator) -> tuple:
    return _sold_with(story, "retail", _RETAIL_SHARE, PRODUCTS, rng)


def _gift_cards(story: Story, rng: np.random.Generator) -> tuple:
    return _sold_with(story, "gift_card_sale", _CARD_SALE_SHARE, (2500, 5000, 10000), rng)


def _plans(story: Story) -> tuple:
    """A membership is paid every 30 days at eight in the morning, in the client's shop."""
    who, start, end = story.members
    periods = 1 + np.maximum(np.minimum(end, story.world.axis.past - 1) - start, 0) // PLAN_DAYS
    client = np.repeat(who, periods)
    day = np.repeat(start, periods) + PLAN_DAYS * _count_up(periods)
    return "membership", story.clients.shop[client], -1, client, -1, plan_price(story), 0, day, 480


def _count_up(times: np.ndarray) -> np.ndarray:
    """0, 1, ..., n - 1 for each n in `times`."""
    return np.arange(times.sum()) - np.repeat(times.cumsum() - times, times)


def _fees(story: Story, rng: np.random.Generator) -> tuple:
    v, fee = story.visits, 100 * story.world.spec.no_show_fee
    missed = np.flatnonzero((v["status"] == NO_SHOW) & (fee > 0))
    at = missed[rng.random(len(missed)) < _FEE_SHARE]
    return "fee", v["shop"][at], v["barber"][at], v["client"][at], at, fee, 0, v["day"][at], v["minute"][at] + 30


def _rents(story: Story) -> tuple:
    """The rent of a chair is due on Mondays at nine while its barber is there."""
    staff, axis, (_, rent) = story.world.staff, story.world.axis, terms(story)
    mondays = np.flatnonzero((axis.weekday == 0) & (np.arange(axis.days) < axis.past))
    there = (mondays >= staff.joined[:, None]) & (mondays < staff.left[:, None]) & (rent >= 0)[:, None]
    barber, monday = np.nonzero(there)
    return "chair_rent", staff.home[barber], barber, -1, -1, rent[barber], 0, mondays[monday], 540


def _table(story: Story, lines: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n, gross, discount = len(lines), lines["gross"].to_numpy(), lines["discount"].to_numpy()
    service, retail = (lines["kind"] == "service").to_numpy(), (lines["kind"] == "retail").to_numpy()
    spec, due = story.world.spec, gross - discount
    tax = np.rint(due * (service * spec.service_tax + retail * spec.retail_tax)).astype(int)
    card = np.where(service & (rng.random(n) < _REDEEMED_SHARE), np.minimum(due + tax, 5000), 0)
    method = _methods(lines, (card > 0) & (card == due + tax), rng)
    refund, status = _refunds(gross, discount, service | retail, rng)
    barber, share = lines["barber"].to_numpy(), terms(story)[0]
    bp = np.where(barber >= 0, share[barber], -1)
    who, booking = lines["client"].to_numpy(), lines["booking"].to_numpy()
    return table(
        "payments",
        story.name,
        payment_id=ids("p{:07d}", np.arange(n)),
        location_id=story.shop_ids.take(lines["shop"].to_numpy()),
        staff_id=ids("s{:02d}", barber),
        client_id=ids("c{:06d}", np.where((who >= 0) & ~story.clients.anonymous[who], who, -1)),
        appointment_id=ids("a{:07d}", booking),
        kind=lines["kind"].to_numpy(),
        gross_cents=gross,
        discount_cents=discount,
        tax_cents=tax,
        tip_cents=_tips(story, lines, due, method, rng),
        refund_cents=refund,
        gift_card_cents=card,
        staff_share_cents=known(np.rint(due * np.maximum(bp, 0) / 10_000), service & (bp >= 0)),
        method=words(METHODS, method),
        status=words(("completed", "partially_refunded", "refunded"), status),
        paid_at=story.utc(lines["shop"].to_numpy(), lines["day"].to_numpy(), lines["minute"].to_numpy()),
    )


def _methods(lines: pd.DataFrame, by_gift_card: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One way of paying for everything bought at one visit."""
    booking = lines["booking"].to_numpy()
    cash = rng.random(booking.max(initial=0) + 1) < _CASH_SHARE
    method = np.where((booking >= 0) & cash[booking], CASH, CARD)
    method = np.where(lines["kind"].isin(["chair_rent"]), OTHER, np.where(lines["kind"] == "membership", CARD, method))
    return np.where(by_gift_card, GIFT_CARD, method)


def _tips(story: Story, lines: pd.DataFrame, due: np.ndarray, method: np.ndarray, rng: np.random.Generator) -> pd.array:
    """Tips on services in steps of half a unit; a cash tip goes into the barber's pocket and is not known."""
    n, barber = len(lines), lines["barber"].to_numpy()
    rate = story.world.spec.tip * story.world.staff.tips[barber] * np.exp(rng.normal(0, 0.3, n))
    tip = np.where(rng.random(n) < _TIPPED, 50 * np.rint(due * rate / 50), 0)
    service = (lines["kind"] == "service").to_numpy()
    return known(np.where(service, tip, 0), ~(service & (method == CASH)))


def _refunds(gross: np.ndarray, discount: np.ndarray, may: np.ndarray, rng: np.random.Generator) -> tuple:
    """A few lines are refunded, in full where nothing was taken off, else half of what was paid."""
    refunded = may & (gross > 100) & (rng.random(len(gross)) < _REFUND_SHARE)
    full = refunded & (discount == 0) & (rng.random(len(gross)) < _FULL)
    refund = np.where(full, gross, np.where(refunded, (gross - discount) // 2, 0))
    return refund, np.where(full, 2, np.where(refunded, 1, 0))


def takings(story: Story, lines: pd.DataFrame) -> pd.DataFrame:
    """Net takings and barbers' shares, in minor units, over (location_id, month): what the costs follow."""
    kept = lines[lines["kind"].isin(["service", "retail", "membership"])]
    net = kept["gross_cents"] - kept["discount_cents"] - kept["refund_cents"]
    month = _local_month(story, kept)
    frame = pd.DataFrame({"net": net, "share": kept["staff_share_cents"].fillna(0), "location_id": kept["location_id"]})
    return frame.assign(month=month).groupby(["location_id", "month"], as_index=False)[["net", "share"]].sum()


def _local_month(story: Story, lines: pd.DataFrame) -> pd.Series:
    shop = pd.Index(story.shop_ids).get_indexer(lines["location_id"])
    zone = np.array(story.zones)[story.world.shops.place[shop]]
    month = pd.Series(pd.NaT, index=lines.index, dtype="datetime64[us]")
    for name in dict.fromkeys(zone):
        local = lines.loc[zone == name, "paid_at"].dt.tz_convert(name).dt.tz_localize(None)
        month[zone == name] = local.dt.to_period("M").dt.to_timestamp().astype("datetime64[us]")
    return month
