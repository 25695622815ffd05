"""The optional tables: calendar, reviews, price history, compliance, plans, costs, and the messages sent."""

import numpy as np
import pandas as pd

from barberlab.data.sample.axis import NEVER
from barberlab.data.sample.frames import ids, table, words
from barberlab.data.sample.messages import CAMPAIGNS, MEDIA
from barberlab.data.sample.money import PLAN_DAYS, plan_price, takings
from barberlab.data.sample.spec import SERVICES
from barberlab.data.sample.story import Story

_REVIEWED = 0.05  # of visits
_MESSAGE_COST = {"sms": 6, "email": 0}  # minor units
_RENT_PER_CHAIR, _SALARY, _OVERHEAD = 620, 2900, 750  # whole units a month
_SHARES = {"supplies": 0.05, "royalty": 0.06}  # of net takings

# scope, category, requirement, risk, months of validity
_REQUIREMENTS = (
    ("location", "licence", "Shop licence", "critical", 12),
    ("location", "health", "Hygiene inspection", "high", 12),
    ("location", "other", "Fire safety check", "high", 24),
    ("location", "brand", "Brand standards visit", "low", 6),
    ("staff", "licence", "Barber licence", "critical", 24),
    ("network", "data", "Data protection review", "medium", 12),
)


def calendar(story: Story) -> pd.DataFrame:
    """Table 9: public holidays of the network's countries and the weeks before school."""
    rows = story.world.seasons.calendar
    return table("calendar", story.name, **{column: rows[column].array for column in rows})


def reviews(story: Story) -> pd.DataFrame:
    """Table 10: some clients give stars on the evening of their visit, about the barber's true mean."""
    rng, v = story.rng("reviews"), story.visits
    done = np.flatnonzero(story.completed)
    at = done[rng.random(len(done)) < _REVIEWED]
    at = at[np.argsort(v["day"][at], kind="stable")]
    stars = story.world.staff.stars[v["barber"][at]] + 0.25 + rng.normal(0, 0.8, len(at))
    evening = v["minute"][at] + v["minutes"][at] + rng.integers(10, 180, len(at))
    return table(
        "reviews",
        story.name,
        review_id=ids("r{:06d}", np.arange(len(at))),
        location_id=story.shop_ids.take(v["shop"][at]),
        staff_id=ids("s{:02d}", v["barber"][at]),
        rating=np.clip(np.rint(stars), 1, 5),
        created_at=story.utc(v["shop"][at], v["day"][at], np.minimum(evening, 1300)),
    )


def price_history(story: Story) -> pd.DataFrame:
    """Table 11: the first price of each service and shop, and every later one."""
    changes = price_changes(story)
    return table(
        "price_history",
        story.name,
        service_id=words([s.id for s in SERVICES], changes["service"].to_numpy()),
        location_id=story.shop_ids.take(changes["shop"].to_numpy()),
        valid_from=story.world.axis.dated(changes["day"].to_numpy()),
        price_cents=100 * changes["price"].to_numpy(),
    )


def price_changes(story: Story) -> pd.DataFrame:
    """shop, service, day, price and the one before (whole units); first prices at opening have 0 before."""
    prices, shops = story.world.prices, story.world.shops
    shop, service = (x.ravel() for x in np.indices(prices.shape[:2]))
    first = pd.DataFrame({"shop": shop, "service": service, "day": shops.opened[shop], "before": 0})
    first["price"] = prices[shop, service, np.maximum(shops.opened[shop], 0)]
    shop, service, day = np.nonzero(np.diff(prices[:, :, : story.world.axis.past], axis=2))
    later = pd.DataFrame({"shop": shop, "service": service, "day": day + 1, "before": prices[shop, service, day]})
    later["price"] = prices[shop, service, day + 1]
    later = later[(later["day"] > shops.opened[shop]) & (later["day"] < shops.closed[shop])]
    return pd.concat([first, later]).sort_values(["shop", "service", "day"], ignore_index=True)


def contacts(story: Story) -> pd.DataFrame:
    """Table 14: the campaigns' messages, and those held back."""
    m = story.log.messages()
    who = m["client"]
    held, medium = m["holdout"], m["medium"]
    cost = np.array([_MESSAGE_COST[x] for x in MEDIA])[medium]
    return table(
        "contacts",
        story.name,
        client_id=story.client_ids(who),
        channel=words(MEDIA, medium),
        campaign_type=words(CAMPAIGNS, m["campaign"]),
        sent_at=story.utc(story.clients.shop[who], m["day"], m["minute"]),
        is_holdout=held,
        cost_cents=np.where(held, 0, cost),
    )


def compliance_items(story: Story) -> pd.DataFrame:
    """Table 15: most are in order, some are due, some have expired."""
    rng = story.rng("compliance")
    rows = [(scope, one, *rest) for scope, *rest in _REQUIREMENTS for one in _bearers(story, scope)]
    scope, one, category, requirement, risk, months = zip(*rows, strict=True)
    n, last = len(rows), story.world.axis.past
    valid = np.array(months) * 30
    checked = last - 1 - (rng.random(n) ** 0.8 * 1.06 * valid).astype(int)
    expires = checked + valid
    unmet = rng.random(n) < 0.03
    states = ["expired", "non_compliant", "pending"]
    status = np.select([expires < last, unmet, expires < last + 30], states, "compliant")
    dated = story.world.axis.dated
    return table(
        "compliance_items",
        story.name,
        item_id=ids("i{:04d}", np.arange(n)),
        scope=list(scope),
        scope_id=list(one),
        jurisdiction=np.full(n, story.world.spec.country),
        category=list(category),
        requirement=list(requirement),
        status=status,
        risk=list(risk),
        due_on=dated(expires - 14),
        expires_on=dated(expires),
        last_checked_on=dated(checked),
        evidence_ref=words([f"file-{i:04d}" for i in range(n)], np.where(status == "compliant", np.arange(n), -1)),
    )


def _bearers(story: Story, scope: str) -> list[str]:
    staff, shops, last = story.world.staff, story.world.shops, story.world.axis.past
    there = np.flatnonzero((staff.joined < last) & (staff.left > last))
    open_shops = np.flatnonzero((shops.opened < last) & (shops.closed > last))
    return {
        "location": list(story.shop_ids.take(open_shops)),
        "staff": list(ids("s{:02d}", there)),
        "network": [story.name],
    }[scope]


def costs(story: Story, payments: pd.DataFrame) -> pd.DataFrame:
    """Table 17: what each shop spent in each month with takings."""
    rng, spec = story.rng("costs"), story.world.spec
    months = takings(story, payments)
    shop = pd.Index(story.shop_ids).get_indexer(months["location_id"])
    salaried = np.array([pay == "salary" for pay in story.world.shops.pay])[shop]
    team = story.world.shops.team[shop]
    scale = 100 * spec.haircut / 35 * np.exp(rng.normal(0, 0.1, len(months)))
    net = months["net"].to_numpy(float)
    amounts = {
        "rent": (team + 1) * _RENT_PER_CHAIR * 100 * spec.haircut / 35 * story.world.shops.price[shop],
        "payroll": np.where(salaried, team * _SALARY * 100, months["share"].to_numpy(float)),
        "marketing": 400 * scale,
        "other": _OVERHEAD * scale,
    } | {category: share * net for category, share in _SHARES.items()}
    rows = [months[["location_id", "month"]].assign(category=c, amount=np.rint(a)) for c, a in amounts.items()]
    rows = pd.concat(rows).sort_values(["location_id", "month", "category"], ignore_index=True)
    columns = {"location_id": rows["location_id"].array, "month": rows["month"], "category": rows["category"].array}
    return table("costs", story.name, **columns, amount_cents=rows["amount"].to_numpy().astype(int))


def memberships(story: Story) -> pd.DataFrame:
    """Table 18: a plan that takes a tenth off every visit, paid every 30 days."""
    who, start, end = story.members
    n, dated = len(who), story.world.axis.dated
    return table(
        "memberships",
        story.name,
        membership_id=ids("m{:05d}", np.arange(n)),
        client_id=story.client_ids(who),
        plan=np.full(n, "Regulars' plan"),
        started_on=dated(start),
        ended_on=dated(np.where(end < NEVER, end, NEVER)),
        price_cents=np.full(n, plan_price(story)),
        period_days=np.full(n, PLAN_DAYS),
    )
