"""What would the models say if the truth were known? Simulated networks, with everything that was planted in them.

`simulate("north", seed=1)` tells the history of a network and gives the tables that its system would export, in the
contract's shape, with the source's own client and staff codes; `truth` holds what no export knows. Nothing here is
drawn from a likelihood that one of our models assumes: the numbers come about because people plan, ask, find room or
not, come, stay away, and leave.

The story
---------
A network has shops in two time zones. Shops have hours, a weekly day off, prices that change on firsts of a month, and
a strength of the season. Some open during the history, one closes for good, one is refurbished. Barbers join, leave,
take time off and work five or four days a week; a few work in two shops. (`shops`, `almanac`, `seasons`, `staff`)

Clients sign up as season, day, growth, price and the age of the shop bid. Each has a mean interval (12 to 60 days), a
regularity, a hazard of leaving, a chance that the first visit stays the only one, and habits: weekday, hour, service,
barber, how long ahead they book, whether they book the next visit at the desk or never book at all. (`clients`)

Day by day (`life`): a client's next visit falls due when the shop's clock, which runs faster in season, has run on by
a gamma interval; dearer prices stretch it; one in 25 is doubled. The day is the one nearby that suits best: favourite
weekday and barber, the day's own pull, open doors (`plans`). The favourite's diary is asked first, then the others',
then the days around; who finds no room is turned away and tries again, or is lost (`book`). Some cancel, some do not
come. Between visits the hazard runs: it is higher for new clients, after a missed visit, with a barber of little
loyalty, and at dearer prices; a barber who leaves takes some clients along, a shop that closes most. Twice a month some
are written to; a message makes some book who would have come later (`messages`). Visits become payments with tips,
taxes, discounts, refunds, add-ons, products, gift cards, plans and rents (`money`). A client holds at most one booking,
and bookings reach up to 84 days beyond the last day.

The truth
---------
clients       mean interval at the shop's first prices, in days of its clock (intervals seen are about a fifth longer:
              skipped, moved and missed visits); k, hazard a year, chances, habits; visits so far (those before the
              history estimated); `drop_out_on`, the last day on which a visit was possible, and its cause, both null
              for who is still a client. `location_id` is the shop signed up in
shops         share of barber time demand would fill, growth, strength of season, deviations of no-shows and leaving
barbers       appeal, pace, effect on clients' leaving, tips, mean rating; days of joining and leaving
elasticities  of visit rates, of sign-ups and of the hazard of leaving, in the price relative to the shop's first
price_steps   every change of a price, as a log step
days          shop x day: each factor of demand (season, pay-day, eve, weather, weekday, growth and opening of
              sign-ups), and how many visits were asked for, moved to another day, turned away
wishes        shop x weekday x half hour: visits asked for, whether or not there was room
closures      days closed out of turn: public holidays, refurbishment
contacts      per message or hold-out: still a client, would come within 21 days anyway, chance to book because of it,
              and their product `uplift`, the effect on coming within 21 days

`day_network` and `day_chunks` do the same at entry level `location_day` for ten thousand shops, without clients.
"""

from barberlab.data.sample.large import day_chunks, day_network, simulate_days
from barberlab.data.sample.network import Sample, simulate, tiny
from barberlab.data.sample.spec import NETWORKS, Spec

__all__ = ["NETWORKS", "Sample", "Spec", "day_chunks", "day_network", "simulate", "simulate_days", "tiny"]
