"""The network against the pool: both errors kept, what is suppressed in its place, and a box where there is no pool."""

from dataclasses import replace

import numpy as np
import pytest

import corner
from barberlab.errors import NotAvailable as Lacking
from barberlab.models.benchmark_kpis import Ranked
from barberlab.models.release import Release, Standing, cell_content
from barberlab.models.release_filter import Pool
from barberlab.reports import benchmark, benchmark_pool
from barberlab.reports.blocks import NotAvailable

SAMPLE = corner.REPO / "data" / "sample" / "benchmark.json"


@pytest.fixture(scope="module")
def pool() -> benchmark_pool.Pool:
    """The simulated release that comes with the house."""
    return benchmark_pool.asked(lambda _network: Release.read(SAMPLE.read_text(), SAMPLE.name), "north")


def _own(currency: str = "USD", **values: float) -> benchmark.Judged:
    rng = np.random.default_rng(1)
    ranked = {
        name: Ranked(
            name, "rate", (), np.empty(0), value * (1 + rng.normal(0, 0.02, 500)), *[np.empty(0)] * 3, {}, None
        )
        for name, value in values.items()
    }
    return benchmark.Judged(ranked, {}, currency)


def test_a_network_that_earns_more_is_better_than_more_shops(pool):
    poor, rich = (
        benchmark_pool.position_table(pool, _own(revenue_per_available_hour=value), 8).table for value in (4000, 9000)
    )
    assert "75% or more" in rich
    assert "75% or more" not in poor


def test_less_is_better_for_no_shows(pool):
    few, many = (benchmark_pool.position_table(pool, _own(no_show_rate=value), 8) for value in (0.01, 0.2))
    assert "75% or more" in few.table
    assert "25% or less" in many.table
    assert few.title == "Likely above the pool’s middle in one of 1 figure"


def test_a_simulated_pool_says_that_it_is_no_market(pool):
    table = benchmark_pool.position_table(pool, _own(utilisation=0.7), 8)
    assert table.subtitle.startswith("Simulated networks, to show how the page reads: no market. Release of April 2025")
    assert "money of January 2025, a quarter late on purpose" in table.subtitle
    assert "20–49 networks" in table.subtitle


def test_a_circle_with_too_few_networks_is_told_as_suppressed(pool):
    table = benchmark_pool.position_table(pool, _own(utilisation=0.7), 8)
    assert table.table.count("Suppressed") == 1
    assert "Among 2 to 9 shops" in table.table
    assert "Suppressed: for privacy, too few networks." in table.note
    assert "10 to 49 shops and 50 shops and more" in benchmark_pool.suppressed_said(pool).text


def test_a_segment_of_the_pool_is_told_from_fifty_networks_on(pool):
    few = benchmark_pool.position_table(pool, _own(utilisation=0.7), 8)
    assert "Segment of the pool" not in few.table
    assert "A segment of the pool is told from 50 networks on" in few.note
    spec = pool.release.spec
    known = Pool(200.0, 1.0, *[np.full(len(spec.kpis), value) for value in (0.0, 0.001, 0.0, 0.001)])
    crowded = {"all": cell_content(known, Standing(lit=True), spec.cells[0].weight, spec)}
    many = benchmark_pool.Pool(replace(pool.release, cells=pool.release.cells | crowded))
    best = benchmark_pool.position_table(many, _own(no_show_rate=0.01), 8)
    assert 't-seg1">Elite</span>' in best.table
    assert "bands of 10, 20, 40, 20 and 10%" in best.note
    usual = benchmark_pool.position_table(many, _own(utilisation=0.62), 8)
    assert 't-seg3">Average</span> over 99%' in usual.table


def test_what_the_network_lacks_or_its_currency_has_no_centre_for_is_said(pool):
    table = benchmark_pool.position_table(pool, _own("JPY", average_ticket=5000.0), 8).table
    assert "needs a public centre for JPY" in table
    assert table.count("not known of this network") == 5


def test_without_a_release_the_pool_is_a_box():
    def refused(_network):
        raise Lacking("Benchmark", "benchmark.opt_in in params/networks/north.yaml")

    nothing = benchmark_pool.asked(refused, "north")
    box = benchmark_pool.position_table(nothing, _own(utilisation=0.7), 8)
    assert isinstance(box, NotAvailable)
    assert "Not available: needs benchmark.opt_in in params/networks/north.yaml" in box.html
    assert "nothing is suppressed" in benchmark_pool.suppressed_said(nothing).text
