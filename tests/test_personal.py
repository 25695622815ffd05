"""What is taken for a person's address or number, and what must pass."""

import random
import time

import pytest

from barberlab.personal import find_personal, mask

TELEPHONES = """\
+49 170 1234567
+49 (0)170 / 1234567
+49 (0) 170 1234567
+491701234567
＋49 170 1234567
+49\u00a0170\u202f1234567
+1 (555) 010-1234
+1 555-010-1234
+1.555.010.1234
+15550101234
+44 20 7946 0958
+44 (0)20 7946 0958
+33 1 23 45 67 89
+34 612 345 678
+81 90-1234-5678
+86 138 0013 8000
+7 (495) 123-45-67
+354 555 1234
+971 50 123 4567
0049 170 1234567
0049-170-1234567
00 44 20 7946 0958
01 23 45 67 89
01.23.45.67.89
0170 1234567
0170/1234567
030 / 12345678
(030) 12345678
0161 496 0000
07700 900123
(555) 010-1234
1 (555) 010-1234
555-010-1234
555.010.1234
1-800-555-0199
212 555 0123
Tel. 5550101
phone: 5550101234
"phone": "01701234567"
shop 5,+49 170 1234567,closed"""

NUMBERS = """\
1,234,567.89
12 345 678
+12 345 678 EUR
+12\u202f345\u202f678
+1.234.567
+12,345,678
+12345678
€1.234.567,89
+12.54 -13.19 -0.55
+12.54 13.19 10.55
+0.1234567890
2026-06-30T21:59:59+00:00
2026-06-30 21:59:59.123456+0200
30.06.2026 21:59
01.02.2026 10:30
01/02/2026 12:30 PM
01/2026-06/2026
ranked +1 2026-06-30
2018-01-01,123,4567
550e8400-e29b-41d4-a716-446655440000
12345678-1234-1234-1234-123456789012
d41d8cd98f00b204e9800998ecf8427e
0123456789012345678901234567890123456789012345678901234567890123
k1_mzxw6ytboi2345672345
r000012-performance
00012345678
0012345678905
5550101234
appointment 0170123456789
INV-555-010-1234
555-010-12345
10 200 300 4000
0 212 555 2123
08 09 10 11 12 13 14 15
94105-1234
100 – 200 – 3000
192.168.100.1234
978-3-16-148410-0
phone      1234567
rgb(12, 34, 56)
n = 1 234, from 12.3 to 45.6"""


@pytest.mark.parametrize("text", TELEPHONES.splitlines())
def test_a_telephone_number_is_found_however_it_is_written(text):
    assert find_personal(text) == ["telephone number"]
    assert "[telephone number]" in mask(text)


@pytest.mark.parametrize("text", NUMBERS.splitlines())
def test_money_dates_hashes_and_ids_are_not_telephone_numbers(text):
    assert find_personal(text) == []


FORMATS = ("{:,.0f}", "{:,.2f}", "{:.0f}", "{:+,.0f}", "{:+.1f}", "{:.1f}%", "{:_.0f}", "{:+_.0f}", "{:_.2f}")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("between", [" ", "  ", " | "])
def test_rows_of_amounts_in_any_format_are_not_telephone_numbers(form, between):
    """1,000 amounts of each size as one printed row; `_` stands for a narrow space between thousands."""
    draw = random.Random(3)
    for size in (1e1, 1e3, 1e5, 1e7, 1e9):
        cells = [form.format(draw.uniform(0, size)).replace("_", "\u202f") for _ in range(1_000)]
        assert find_personal(between.join(cells)) == []
        assert not any(find_personal(cell) for cell in cells)


@pytest.mark.parametrize("text", ["ann.lee@mail.co.uk", "jörg+cut@exämple.de", "mailto:x@y.io", "a'b@c-d.museum"])
def test_an_e_mail_address_is_found(text):
    assert find_personal(text) == ["e-mail address"]


@pytest.mark.parametrize("text", ["pole@2x.png", "@media print", "a @ b.T", "user@localhost", "3 @ 4.50"])
def test_what_only_has_an_at_sign_is_no_address(text):
    assert find_personal(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "sk_live_" + "a1" * 8,
        "AKIA" + "ABCD" * 4,
        "ghp_" + "a1" * 18,
        "-----BEGIN RSA PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
    ],
)
def test_a_key_is_found_by_its_prefix(text):
    assert find_personal(f"token={text}") == ["secret key"]


def test_each_kind_is_named_once_and_never_repeated():
    text = "ann@mail.de, bob@mail.de, +49 170 1234567"
    assert find_personal(text) == ["e-mail address", "telephone number"]


def test_a_masked_message_keeps_all_but_the_person():
    said = mask("row 7: 'ann@mail.de', +49 170 1234567 and 01701234567; gross_cents 1234567 on 2026-06-30")
    expected = "row 7: '[e-mail address]', [telephone number] and [number]; gross_cents 1234567 on 2026-06-30"
    assert said == expected
    assert mask(said) == said


@pytest.mark.parametrize("piece", ["abcDEF123/+", "1 234 567 ", "+1", "7", "a.b-", "a@b.c-", "0", "(0"])
def test_a_long_text_costs_time_in_proportion_to_its_length(piece):
    """Ten times the text in at most forty times the time: a quadratic pattern would take a hundred times as long."""

    def seconds(repeats):
        text, since = piece * repeats, time.perf_counter()
        find_personal(text)
        mask(text)
        return time.perf_counter() - since

    short = min(seconds(4_000) for _ in range(3))
    assert seconds(40_000) < 40 * short + 0.05
