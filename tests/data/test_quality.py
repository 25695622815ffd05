"""Each gate of the contract fails for the defect it is there for, holds just inside its limit, and else keeps silent.

The diary is one shop's hundred days to the end of April 2025: each day one client comes at 11 o'clock and pays 30.00,
and Ann is on the floor from 9 to 17. So a row is one in a hundred, and every share below is worked in the head.
"""

from datetime import timedelta

import pytest

from barberlab.data import build, quality
from barberlab.data.moments import moment
from barberlab.data.quality import Gate

ZONE = "America/New_York"
AS_OF = moment("2025-04-30", ZONE)
# The 12th is 1 February, the 100th 30 April.
DAYS = "FROM range(1, 101) days(n), (SELECT DATE '2025-01-20' + n::INT AS day)"
DIARY = f"""
CREATE MACRO clock(day, hour) AS timezone('{ZONE}', day + to_hours(hour));
INSERT INTO locations BY NAME SELECT 'ny' AS location_id, '{ZONE}' AS timezone, 'open' AS status;
INSERT INTO staff_assignments BY NAME SELECT 'ann' AS staff_id, 'ny' AS location_id, DATE '2024-01-01' AS valid_from;
INSERT INTO services BY NAME SELECT 'cut' AS service_id;
INSERT INTO clients BY NAME SELECT 'c' || n AS client_id {DAYS};
INSERT INTO appointments BY NAME SELECT 'a' || n AS appointment_id, 'ny' AS location_id, 'ann' AS staff_id,
    'c' || n AS client_id, 'cut' AS service_id, clock(day, 11) AS start, 'completed' AS status,
    false AS status_inferred, 3000 AS price_cents, 0 AS discount_cents {DAYS};
INSERT INTO payments BY NAME SELECT 'p' || n AS payment_id, 'ny' AS location_id, 'ann' AS staff_id,
    'c' || n AS client_id, 'a' || n AS appointment_id, 'service' AS kind, 3000 AS gross_cents, 0 AS discount_cents,
    'completed' AS status, clock(day, 12) AS paid_at {DAYS};
INSERT INTO shifts BY NAME SELECT 'ann' AS staff_id, 'ny' AS location_id, clock(day, 9) AS start,
    clock(day, 17) AS "end", 'available' AS kind {DAYS};
"""


@pytest.fixture
def judge(tmp_path):
    """What the gates say of the diary after a defect, in SQL, was planted in it."""

    def judged(planted: str = "", as_of=AS_OF, refused=(0, 0), diary: str = DIARY) -> dict[str, Gate]:
        con = build.connect(tmp_path)
        build.merge(con, tmp_path, None)
        con.execute(diary + planted)
        build.date_locally(con, ZONE)
        return {gate.gate: gate for gate in quality.gates(con, as_of, *refused)}

    return judged


def failed(found: dict[str, Gate]) -> list[str]:
    return [name for name, gate in found.items() if gate.passed is False]


def n(first: int, last: int, table: str = "appointments") -> str:
    """SQL condition: the diary's own rows of these days."""
    return f"TRY_CAST({table[:-1]}_id[2:] AS INT) BETWEEN {first} AND {last}"


def without(first: int, last: int) -> str:
    """SQL that takes the visits of these days away, with their payments."""
    return f"DELETE FROM appointments WHERE {n(first, last)}; DELETE FROM payments WHERE {n(first, last, 'payments')};"


def another(table: str, first: int, last: int, changes: str) -> str:
    """SQL that adds the rows of these days a second time, changed."""
    return f"INSERT INTO {table} SELECT * REPLACE ({changes}) FROM {table} WHERE {n(first, last, table)};"


def second_shop(last: int) -> str:
    """SQL that opens a shop in Los Angeles with a diary like the first one's, of the days to `last`."""
    return (
        "INSERT INTO locations BY NAME SELECT 'la' AS location_id, 'America/Los_Angeles' AS timezone, 'open' AS status;"
        "INSERT INTO staff_assignments BY NAME SELECT 'bob' AS staff_id, 'la' AS location_id, '2024-01-01'::DATE "
        "AS valid_from;"
        + another(
            "appointments", 1, last, "appointment_id || 'b' AS appointment_id, 'la' AS location_id, 'bob' AS staff_id"
        )
        + another(
            "payments",
            1,
            last,
            "payment_id || 'b' AS payment_id, appointment_id || 'b' AS appointment_id, 'la' AS location_id, "
            "'bob' AS staff_id",
        )
        + f"INSERT INTO shifts SELECT * REPLACE ('la' AS location_id, 'bob' AS staff_id) FROM shifts "
        f"WHERE CAST(start AS DATE) <= DATE '2025-01-20' + {last};"
    )


def unclosed(last: int) -> str:
    """SQL: nobody said what became of the visits until day `last`, and nothing was rung up for them."""
    return (
        f"UPDATE appointments SET status = 'unresolved' WHERE {n(1, last)};"
        f"DELETE FROM payments WHERE {n(1, last, 'payments')};"
    )


def rung_up_twice(last: int) -> str:
    """SQL: the till has a second 30.00 for the visits until day `last`, ten minutes later, of 60.00 that were asked."""
    return f"UPDATE appointments SET price_cents = 6000 WHERE {n(1, last)};" + another(
        "payments", 1, last, "payment_id || 'b' AS payment_id, paid_at + INTERVAL 10 MINUTE AS paid_at"
    )


def test_the_diary_itself_passes_every_gate(judge):
    found = judge()
    assert {gate.passed for gate in found.values()} == {True}
    assert [gate.value for gate in found.values()] == [0.0] * 9 + [13.0]  # from 11 o'clock to midnight


@pytest.mark.parametrize(
    ("gate", "defect", "value"),
    [
        ("DQ-1", f"UPDATE appointments SET client_id = 'nobody' WHERE {n(1, 2)}", 2 / 100),
        ("DQ-2", unclosed(3), 3 / 100),
        ("DQ-3", f"UPDATE appointments SET start = start + INTERVAL 6 HOUR WHERE {n(1, 3)}", 3 / 100),
        ("DQ-4", f"UPDATE payments SET gross_cents = 3901 WHERE {n(100, 100, 'payments')}", 1 / 4),  # of four months
        ("DQ-5", without(12, 39), 1 / 4),  # all of February
        ("DQ-6", "UPDATE staff_assignments SET valid_from = '2025-01-23'", 2 / 100),
        ("DQ-8", rung_up_twice(2), 2 / 102),
    ],
)
def test_a_planted_defect_fails_its_gate_and_no_other(judge, gate, defect, value):
    found = judge(defect)
    assert failed(found) == [gate]
    assert found[gate].value == value


@pytest.mark.parametrize(
    ("gate", "defect", "value"),
    [
        ("DQ-1", f"UPDATE appointments SET client_id = 'nobody' WHERE {n(1, 1)}", 1 / 100),
        ("DQ-2", unclosed(2), 2 / 100),
        ("DQ-3", f"UPDATE appointments SET start = start + INTERVAL 6 HOUR WHERE {n(1, 2)}", 2 / 100),
        # 30 visits of April ask for 900.00; 9.00 more is 1 % of it
        ("DQ-4", f"UPDATE payments SET gross_cents = 3900 WHERE {n(100, 100, 'payments')}", 0),
        ("DQ-5", without(13, 39), 0),  # one visit, on 1 February
        ("DQ-6", "UPDATE staff_assignments SET valid_from = '2025-01-22'", 1 / 100),
        ("DQ-8", rung_up_twice(1), 1 / 101),
    ],
)
def test_the_same_defect_just_inside_the_limit_passes(judge, gate, defect, value):
    found = judge(defect)
    assert failed(found) == []
    assert found[gate].value == value


def test_without_rows_no_gate_is_passed_or_failed(judge):
    found = judge(diary="")
    assert {gate.passed for gate in found.values()} == {None}
    assert {gate.value for gate in found.values()} == {None}


def test_a_network_of_daily_totals_is_judged_by_what_it_has(judge):
    found = judge(diary=day_totals(100, "3"))
    assert [name for name, gate in found.items() if gate.passed] == ["DQ-1", "DQ-5", "DQ-10"]
    assert failed(found) == []


def day_totals(last: int, completed: str) -> str:
    """SQL: a network that knows how many came each day, and nothing else."""
    return (
        f"INSERT INTO locations BY NAME SELECT 'ny' AS location_id, '{ZONE}' AS timezone, 'open' AS status;"
        f"INSERT INTO location_day BY NAME SELECT 'ny' AS location_id, day AS local_date, {completed} AS completed "
        f"{DAYS} WHERE n <= {last};"
    )


# DQ-1: references


def test_one_lost_row_of_a_small_table_does_not_drown_in_the_visits_of_a_large_one(judge):
    gate = judge("INSERT INTO costs BY NAME SELECT 'paris' AS location_id, 900 AS amount_cents;")["DQ-1"]
    assert (gate.passed, gate.value, gate.counted) == (False, 1.0, "1 of 1 references in costs.location_id")


def test_an_unknown_reference_is_not_a_lost_one(judge):
    assert judge("UPDATE appointments SET client_id = NULL, service_id = NULL;")["DQ-1"].passed is True


# DQ-2: outcomes


def test_a_visit_still_booked_after_its_time_has_no_outcome(judge):
    gate = judge(unclosed(3).replace("unresolved", "booked"))["DQ-2"]
    assert (gate.passed, gate.value) == (False, 0.03)


def test_a_booking_still_to_come_needs_no_outcome_yet(judge):
    later = another(
        "appointments",
        1,
        50,
        "appointment_id || 'b' AS appointment_id, 'booked' AS status, start + INTERVAL 101 DAY AS start",
    )
    assert judge(later)["DQ-2"].counted == "0 of 100 past visits; outcome inferred for 0"


def test_the_number_of_inferred_outcomes_is_shown(judge):
    gate = judge(f"UPDATE appointments SET status_inferred = true WHERE {n(1, 40)};")["DQ-2"]
    assert (gate.passed, gate.counted) == (True, "0 of 100 past visits; outcome inferred for 40")


# DQ-3: hours


def test_a_wall_clock_written_down_as_utc_shows_in_every_visit(judge):
    """11 o'clock in New York, taken for 11 o'clock UTC, is 6 or 7 in the morning there."""
    gate = judge(f"UPDATE appointments SET start = timezone('UTC', timezone('{ZONE}', start));")["DQ-3"]
    assert (gate.passed, gate.value) == (False, 1.0)


def test_the_worst_shop_is_judged_and_not_the_average(judge):
    night = (
        "UPDATE appointments SET start = start + INTERVAL 12 HOUR WHERE location_id = 'la' AND start < '2025-01-23';"
    )
    gate = judge(second_shop(100) + night)["DQ-3"]
    assert (gate.passed, gate.value) == (True, 0.02)
    gate = judge(second_shop(50) + night)["DQ-3"]  # 2 of 150 in the network, 2 of 50 at the shop
    assert (gate.passed, gate.value, gate.counted) == (False, 0.04, "2 of 50 visits, worst shop")


def away(staff: str) -> str:
    return f"SELECT * REPLACE ('{staff}' AS staff_id, 'time_off' AS kind) FROM shifts WHERE start < '2025-01-25'"


def test_nobody_is_served_by_a_barber_on_time_off(judge):
    gate = judge(f"INSERT INTO shifts {away('ann')};")["DQ-3"]
    assert (gate.passed, gate.value) == (False, 0.04)


def test_while_one_barber_is_off_another_may_serve(judge):
    stand_in = "INSERT INTO shifts SELECT * REPLACE ('bob' AS staff_id) FROM shifts;"
    assert judge(stand_in + f"INSERT INTO shifts {away('ann')};")["DQ-3"].value == 0.0


def test_a_late_shift_reaches_over_midnight(judge):
    late = (
        'UPDATE shifts SET start = start + INTERVAL 10 HOUR, "end" = "end" + INTERVAL 10 HOUR;'
        "UPDATE appointments SET start = start + INTERVAL 15 HOUR;"  # 2 in the morning, of a shift from 19 to 3
    )
    assert judge(late)["DQ-3"].value == 0.0


def test_a_visit_when_the_shift_ends_is_outside_and_when_it_begins_inside(judge):
    for hours, outside in ((-2, 0), (6, 1)):  # 9 o'clock, 17 o'clock
        assert judge(f"UPDATE appointments SET start = start + INTERVAL ({hours}) HOUR;")["DQ-3"].value == outside


def test_visits_before_a_shop_kept_a_roster_are_not_judged(judge):
    gate = judge("DELETE FROM shifts WHERE start < '2025-04-01';")["DQ-3"]
    assert gate.counted == "0 of 30 visits, worst shop"


# DQ-4: money


def test_errors_of_two_shops_do_not_cancel_out(judge):
    moved = f"UPDATE payments SET location_id = 'la' WHERE {n(1, 11, 'payments')};"
    gate = judge(second_shop(50) + moved)["DQ-4"]
    assert gate.counted == "2 of 7 shop-months disagree"  # January at both; four months here, three there


def test_a_month_with_takings_and_no_visit_disagrees(judge):
    gate = judge(f"DELETE FROM appointments WHERE {n(12, 39)};")["DQ-4"]
    assert gate.counted == "1 of 4 shop-months disagree"


def test_a_month_with_a_visit_of_unknown_price_is_not_judged(judge):
    gate = judge(f"UPDATE appointments SET price_cents = NULL WHERE {n(1, 1)};")["DQ-4"]
    assert gate.counted == "0 of 3 shop-months disagree"


def test_only_money_that_was_taken_for_services_counts(judge):
    extra = "'retail' AS kind", "'fee' AS kind", "'gift_card_sale' AS kind", "'failed' AS status", "'pending' AS status"
    rows = (
        another("payments", 1, 100, f"payment_id || '{i}' AS payment_id, {change}") for i, change in enumerate(extra)
    )
    assert judge("".join(rows))["DQ-4"].value == 0.0


def test_a_refund_does_not_make_a_visit_unpaid(judge):
    assert judge("UPDATE payments SET status = 'refunded';")["DQ-4"].value == 0.0


def test_a_visit_paid_ahead_is_no_surplus_today(judge):
    ahead = another(
        "appointments", 90, 90, "'b1' AS appointment_id, 'booked' AS status, start + INTERVAL 20 DAY AS start"
    ) + another("payments", 90, 90, "'b1' AS payment_id, 'b1' AS appointment_id")
    assert judge(ahead)["DQ-4"].value == 0.0


# DQ-5: months


def test_the_month_under_way_is_not_yet_missed(judge):
    found = judge(as_of=moment("2025-05-31T20:00", ZONE))
    assert found["DQ-5"].counted == "0 of 4 shop-months"
    assert judge(as_of=moment("2025-05-31", ZONE))["DQ-5"].counted == "1 of 5 shop-months"


def test_a_shop_that_is_open_and_falls_silent_has_a_gap(judge):
    """Nothing in March; and nothing in April, which has three hours to go in Los Angeles when it is over here."""
    gate = judge(second_shop(39))["DQ-5"]
    assert (gate.passed, gate.counted) == (False, "1 of 7 shop-months")


@pytest.mark.parametrize("closed_on", ["'2025-03-01'", "'2025-03-20'", "NULL"])
def test_a_shop_that_closed_has_none(judge, closed_on):
    shut = f"UPDATE locations SET status = 'closed', closed_on = {closed_on} WHERE location_id = 'la';"
    gate = judge(second_shop(42) + shut)["DQ-5"]  # its last visit is on 3 March
    assert gate.value == 0.0


def test_a_shop_that_opened_later_has_none(judge):
    began = "DELETE FROM {} WHERE location_id = 'la' AND local_day({}) < '2025-03-01';"
    macro = "CREATE MACRO local_day(moment) AS CAST(timezone('America/Los_Angeles', moment) AS DATE);"
    early = macro + began.format("appointments", "start") + began.format("payments", "paid_at")
    assert judge(second_shop(100) + early)["DQ-5"].counted == "0 of 5 shop-months"  # four here, March there


def test_a_roster_does_not_hide_a_month_of_lost_visits_and_a_booking_to_come_opens_none(judge):
    later = "appointment_id || 'b' AS appointment_id, 'booked' AS status, start + INTERVAL 150 DAY AS start"
    gate = judge(another("appointments", 100, 100, later))["DQ-5"]
    assert gate.counted == "0 of 4 shop-months"  # none from May to September
    assert judge(without(40, 70))["DQ-5"].counted == "1 of 4 shop-months"  # March; Ann's shifts are all there


def test_a_month_that_was_planned_to_be_shut_is_no_gap(judge):
    planned = "UPDATE shifts SET kind = 'closed' WHERE start >= '2025-02-01' AND start < '2025-03-01';"
    assert judge(without(12, 39) + planned)["DQ-5"].counted == "0 of 3 shop-months"


# DQ-6: assignments


def test_an_assignment_ends_before_its_last_date_and_holds_for_its_shop_only(judge):
    assert judge("UPDATE staff_assignments SET valid_to = '2025-04-30';")["DQ-6"].value == 0.01
    assert judge("UPDATE staff_assignments SET location_id = 'la';")["DQ-6"].value == 1.0


def test_a_visit_without_a_barber_is_not_judged(judge):
    gate = judge("UPDATE appointments SET staff_id = NULL; DELETE FROM staff_assignments;")["DQ-6"]
    assert gate.passed is None


# DQ-7 and DQ-9: what quarantine took


@pytest.mark.parametrize(("repeated", "passed"), [(1, True), (2, False)])
def test_a_client_filed_twice_is_counted_where_the_second_row_went(judge, repeated, passed):
    gate = judge(refused=(0, repeated))["DQ-7"]
    assert (gate.passed, gate.value) == (passed, repeated / (100 + repeated))


def test_absurd_amounts_are_out_of_the_way_and_counted(judge):
    gate = judge(refused=(3, 0))["DQ-9"]
    assert (gate.passed, gate.value, gate.counted) == (True, 3.0, "3 of 203 amounts")  # a price and a payment each day


# DQ-8: twice


def twice(changes: str) -> str:
    return another("payments", 1, 100, f"payment_id || 'b' AS payment_id, {changes}")


@pytest.mark.parametrize(
    ("second", "hits"),
    [
        ("paid_at + INTERVAL 10 MINUTE AS paid_at", 100),
        ("paid_at + INTERVAL 601 SECOND AS paid_at", 0),
        ("client_id || 'x' AS client_id", 0),  # father and son
        ("NULL AS client_id", 100),  # the terminal does not know whose card it is
        ("NULL AS appointment_id", 100),
        ("appointment_id || 'x' AS appointment_id", 0),  # two visits
        ("'bob' AS staff_id", 0),
        ("gross_cents + 1 AS gross_cents", 0),
        ("'retail' AS kind", 0),
    ],
)
def test_two_payments_look_like_one_if_nothing_tells_them_apart(judge, second, hits):
    assert judge(twice(second))["DQ-8"].value == hits / (100 if "retail" in second else 200)


def test_without_a_barber_only_the_client_can_tell(judge):
    nobody = "UPDATE payments SET staff_id = NULL;"
    assert judge(nobody + twice("paid_at + INTERVAL 1 MINUTE AS paid_at"))["DQ-8"].value == 0.5
    assert judge(nobody + twice("NULL AS client_id"))["DQ-8"].value == 0.0


def test_somebody_elses_payment_in_between_does_not_hide_the_second(judge):
    between = twice("'somebody' AS client_id, NULL AS appointment_id, paid_at + INTERVAL 3 MINUTE AS paid_at")
    again = between.replace("'b'", "'c'").replace("'somebody'", "client_id").replace("3 MINUTE", "6 MINUTE")
    assert judge(between + again)["DQ-8"].counted == "100 of 300 service payments"


# DQ-10: age


@pytest.mark.parametrize(("minutes", "passed", "hours"), [(0, True, 48.0), (1, False, 48 + 1 / 60)])
def test_the_newest_visit_may_be_two_days_old(judge, minutes, passed, hours):
    gate = judge(as_of=moment("2025-05-02T11:00", ZONE) + timedelta(minutes=minutes))["DQ-10"]
    assert gate.passed is passed
    assert gate.value == pytest.approx(hours, abs=1e-9)


def test_a_visit_that_did_not_happen_is_no_sign_of_life(judge):
    gate = judge(f"UPDATE appointments SET status = 'cancelled' WHERE {n(98, 100)};")["DQ-10"]
    assert (gate.passed, gate.value) == (False, 85.0)  # three days more


def test_a_day_of_daily_totals_counts_from_its_end_by_the_shops_clock(judge):
    assert judge(diary=day_totals(100, "3"))["DQ-10"].value == 0.0
    assert judge(diary=day_totals(98, "3"))["DQ-10"].value == 48.0
    in_tokyo = day_totals(98, "3").replace(ZONE, "Asia/Tokyo")  # its day ends 13 hours earlier
    assert judge(diary=in_tokyo)["DQ-10"].value == 61.0


def test_rows_of_zeros_after_the_till_fell_silent_are_no_sign_of_life(judge):
    gate = judge(diary=day_totals(100, "CASE WHEN n <= 97 THEN 3 ELSE 0 END"))["DQ-10"]
    assert (gate.passed, gate.value) == (False, 72.0)
