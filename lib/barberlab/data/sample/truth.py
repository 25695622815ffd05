"""What was planted, table by table, for models to find again."""

import numpy as np
import pandas as pd

from barberlab.data.sample.almanac import WEEKDAYS
from barberlab.data.sample.axis import NEVER
from barberlab.data.sample.clients import opening_curve, signup_curve
from barberlab.data.sample.extras import price_changes
from barberlab.data.sample.frames import ids, words
from barberlab.data.sample.life import CAUSES, PRICE_UNREST
from barberlab.data.sample.log import HALF_HOURS
from barberlab.data.sample.messages import CAMPAIGNS
from barberlab.data.sample.spec import SERVICES
from barberlab.data.sample.story import Story
from barberlab.data.sample.tables import first_seen, named_clients


def clients(story: Story) -> pd.DataFrame:
    """Per client: rhythm, hazards and habits, and the day and cause of leaving for good (null: still a client)."""
    c, life, axis = story.clients, story.life, story.world.axis
    who = named_clients(story)
    gone = np.where(life.gone[who] < axis.past, life.gone[who], NEVER)
    return pd.DataFrame(
        {
            "client_id": ids("c{:06d}", who),
            "location_id": story.shop_ids.take(c.shop[who]),
            "signed_up_on": axis.dated(first_seen(story)[who]),
            "mean_gap_days": c.gap[who],
            "k": c.k[who],
            "leave_per_year": 365 * c.leave[who],
            "one_visit_probability": c.one_time[who],
            "no_show_logit": c.no_show[who],
            "cancel_probability": c.cancel[who],
            "pre_book_probability": c.pre_book[who],
            "walks_in": c.walk_in[who],
            "favourite_weekday": words([str(i) for i in range(7)], c.weekday[who]),
            "wished_minute": c.hour[who],
            "response_probability": c.response[who],
            "visits": life.visits[who],
            "drop_out_on": axis.dated(gone),
            "drop_out_cause": words(CAUSES, np.where(gone < NEVER, life.cause[who], -1)),
        }
    )


def shops(story: Story) -> pd.DataFrame:
    """Per shop: sign-ups, growth, season, no-show, leaving, price level and opening."""
    s, spec, axis = story.world.shops, story.world.spec, story.world.axis
    return pd.DataFrame(
        {
            "location_id": story.shop_ids,
            "fill": s.fill,
            "growth_per_year": spec.growth + s.growth,
            "season_scale": s.season,
            "no_show_logit": s.no_show,
            "leave_log_hazard": s.leave,
            "price_level": s.price,
            "opened_on": axis.dated(s.opened),
            "closed_on": axis.dated(np.where(s.closed < axis.past, s.closed, NEVER)),
        }
    )


def barbers(story: Story) -> pd.DataFrame:
    """Per barber: appeal, pace, loyalty, tips, rating, and the days of joining and leaving."""
    s, axis = story.world.staff, story.world.axis
    return pd.DataFrame(
        {
            "staff_id": ids("s{:02d}", np.arange(s.count)),
            "location_id": story.shop_ids.take(s.home),
            "second_location_id": story.shop_ids.take(s.second, allow_fill=True),
            "joined_on": axis.dated(s.joined),
            "left_on": axis.dated(np.where(s.left < axis.past, s.left, NEVER)),
            "appeal_log": s.appeal,
            "pace_log": s.pace,
            "leave_log_hazard": s.loyalty,
            "tip_scale": s.tips,
            "mean_rating": s.stars,
        }
    )


def elasticities(story: Story) -> pd.DataFrame:
    """Per shop: elasticities of visit rates, sign-ups and the hazard of leaving in the price relative to the first."""
    s = story.world.shops
    return pd.DataFrame(
        {
            "location_id": story.shop_ids,
            "visit_elasticity": s.visit_elasticity,
            "signup_elasticity": s.signup_elasticity,
            "leave_elasticity": np.full(s.count, PRICE_UNREST),
        }
    )


def price_steps(story: Story) -> pd.DataFrame:
    """Per change of a price: shop, service, day, price before and after in minor units, log step."""
    steps = price_changes(story)
    steps = steps[steps["before"] > 0]
    return pd.DataFrame(
        {
            "location_id": story.shop_ids.take(steps["shop"].to_numpy()),
            "service_id": words([s.id for s in SERVICES], steps["service"].to_numpy()),
            "valid_from": story.world.axis.dated(steps["day"].to_numpy()),
            "before_cents": 100 * steps["before"].to_numpy(),
            "after_cents": 100 * steps["price"].to_numpy(),
            "log_step": np.log(steps["price"].to_numpy() / steps["before"].to_numpy()),
        }
    )


def days(story: Story) -> pd.DataFrame:
    """Per shop and day of the history: every factor of demand and what was asked for, moved and turned away."""
    world, past = story.world, story.world.axis.past
    s, log, weekday = world.seasons, story.log, world.axis.weekday
    shop, day = (x.ravel() for x in np.indices((world.shops.count, past)))
    over = {
        "is_open": world.attract > 0,
        "season": s.season,
        "yearly_log": s.yearly,
        "payday": s.payday,
        "eve": s.eve,
        "weather": s.weather,
        "weekday": np.broadcast_to(WEEKDAYS[weekday], s.season.shape),
        "signup_curve": signup_curve(world),
        "opening_curve": opening_curve(np.arange(world.axis.days) - world.shops.opened[:, None]),
        "asked": log.asked,
        "moved": log.moved,
        "turned_away": log.turned_away,
    }
    columns = {name: values[:, :past].ravel() for name, values in over.items()}
    return pd.DataFrame({"location_id": story.shop_ids.take(shop), "date": world.axis.dated(day)} | columns)


def wishes(story: Story) -> pd.DataFrame:
    """Per shop, weekday (Monday = 0) and half hour: how many asked for it, whether or not there was room."""
    shop, weekday, half = np.indices((story.world.shops.count, 7, HALF_HOURS))
    counts = story.log.wishes
    some = counts > 0
    return pd.DataFrame(
        {
            "location_id": story.shop_ids.take(shop[some]),
            "weekday": weekday[some],
            "minute": 30 * half[some],
            "asked": counts[some],
        }
    )


def closures(story: Story) -> pd.DataFrame:
    """Per shop and day closed out of turn: holiday or refurbishment."""
    world, past = story.world, story.world.axis.past
    shop, day = np.nonzero(world.seasons.shut[:, :past] & world.trading)
    refit = (day >= world.shops.refit[shop]) & (day < world.shops.refit[shop] + world.shops.REFIT_DAYS)
    reason = np.where(refit, "refurbishment", "public_holiday")
    return pd.DataFrame({"location_id": story.shop_ids.take(shop), "date": world.axis.dated(day), "reason": reason})


def contacts(story: Story) -> pd.DataFrame:
    """Per message or hold-out: was the client still one, would come anyway, and the chance to book because of it."""
    m = story.log.messages()
    sent_at = story.utc(story.clients.shop[m["client"]], m["day"], m["minute"])
    response = np.where(m["alive"], story.clients.response[m["client"]], 0.0)
    return pd.DataFrame(
        {
            "client_id": story.client_ids(m["client"]),
            "campaign_type": words(CAMPAIGNS, m["campaign"]),
            "sent_at": pd.Series(sent_at).dt.tz_localize("UTC"),
            "is_holdout": m["holdout"],
            "is_client": m["alive"],
            "comes_anyway": m["anyway"],
            "response_probability": response,
            "uplift": np.where(m["anyway"], 0.0, response),
        }
    )


def truths(story: Story) -> dict[str, pd.DataFrame]:
    """Every truth table by name; the package's docstring tells what each is for."""
    makers = (clients, shops, barbers, elasticities, price_steps, days, wishes, closures, contacts)
    return {make.__name__: make(story) for make in makers}
