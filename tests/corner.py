"""The corner network: two shops in two time zones, two barbers, four clients, and every number known by hand.

Tables hold what a source's export would: its own codes (client "JONES-4417"), local habits, UTC instants as text.
As of the end of 30 June 2025 in New York.
"""

import shutil
from pathlib import Path

import pandas as pd

from barberlab.data.ingest import Receipt, ingest
from barberlab.workspace import Workspace

REPO = Path(__file__).parents[1]
MAPPING = REPO / "params" / "sources" / "contract.yaml"
AS_OF = "2025-06-30"
CODES = {"c1": "JONES-4417", "c2": "SMITH-0002", "c3": "BROWN-0815", "c4": "GREEN-7001"}
STAFF = {"ann": "STAFF-ANN-01", "bob": "STAFF-BOB-02"}


def make_workspace(root: Path) -> Workspace:
    """A workspace at `root` with the house's own parameters and notebooks, and no data."""
    for name in ("params", "notebooks"):
        if (REPO / name).is_dir():
            shutil.copytree(REPO / name, root / name)
    return Workspace(root)


def _table(columns: str, *rows: str) -> pd.DataFrame:
    """Rows as text, cells parted by spaces, `-` for an empty one."""
    cells = [[None if cell == "-" else cell.replace("_", " ") for cell in row.split()] for row in rows]
    return pd.DataFrame(cells, columns=columns.split(), dtype="object").assign(network_id="corner")


def tables() -> dict[str, pd.DataFrame]:
    """The network's export: contract table -> frame of text."""
    found = {
        "networks": _table("name currency country benchmark_opt_in status", "Corner_Barbers USD US false active"),
        "locations": _table(
            "location_id name region_id timezone currency opened_on status chairs compensation_model country",
            "ny New_York east America/New#York USD 2020-01-01 open 2 commission US",
            "la Los_Angeles west America/Los#Angeles USD 2020-01-01 open 1 commission US",
        ).replace("#", "_", regex=True),
        "staff_assignments": _table(
            "staff_id location_id role valid_from is_primary display_name",
            "ann ny barber 2020-01-01 true Ann_Quill",
            "bob la barber 2020-01-01 true Bob_Marrow",
        ),
        "clients": _table(
            "client_id first_seen_on acquisition_channel",
            "c1 2024-05-30 walk#in",
            "c2 2025-04-10 online",
            "c3 2025-04-01 referral",
            "c4 2025-04-19 online",
        ).replace("#", "_", regex=True),
        "services": _table(
            "service_id name category duration_min buffer_min list_price_cents",
            "cut Cut haircut 30 5 3000",
            "beard Beard beard 20 0 1500",
        ),
        "appointments": _appointments(),
        "payments": _payments(),
        "shifts": _shifts(),
    }
    return {name: _coded(frame) for name, frame in found.items()}


def _coded(frame: pd.DataFrame) -> pd.DataFrame:
    """The source's own codes in place of this file's short names."""
    codes = {"client_id": CODES, "staff_id": STAFF}
    return frame.assign(**{c: frame[c].map(codes[c]) for c in codes if c in frame})


def _appointments() -> pd.DataFrame:
    return (
        _table(
            "appointment_id location_id staff_id client_id service_id booked_at start duration_min status cancelled_at "
            "price_cents",
            "a1  ny ann c1 cut   2024-05-30T15:00Z 2024-06-03T14:00Z 30 completed - 2500",
            "a2  ny ann c1 cut   2025-04-01T15:00Z 2025-04-10T14:00Z 30 completed - 3000",
            "a3  ny ann c2 cut   2025-04-10T15:00Z 2025-04-11T14:00Z 30 completed - 3000",
            "a4  ny ann c3 cut   2025-04-01T15:00Z 2025-04-12T14:00Z 30 no#show   - 3000",
            "a5  ny ann c1 beard 2025-04-10T14:35Z 2025-05-08T15:00Z 20 completed - 1500",
            "a6  ny ann c2 cut   2025-04-13T15:00Z 2025-05-30T14:00Z 30 completed - 3000",
            "a7  la bob c4 cut   2025-04-20T15:00Z 2025-04-22T03:30Z 30 completed - 3000",
            "a8  la bob c4 cut   2025-04-19T15:00Z 2025-05-20T20:00Z 30 cancelled 2025-05-19T15:00Z 3000",
            "a9  ny ann c1 cut   2025-06-01T15:00Z 2025-07-10T14:00Z 30 booked    - 3000",
            "a10 ny ann -  -     -                 2025-06-30T19:00Z 30 completed - 3000",
        )
        .assign(status_inferred="false", channel="online", is_recurring="false")
        .replace("#", "_", regex=True)
    )


def _payments() -> pd.DataFrame:
    frame = _table(
        "payment_id location_id staff_id appointment_id kind gross_cents discount_cents tax_cents tip_cents "
        "refund_cents status paid_at",
        "p1  ny ann a1  service 2500 0   0   0   0    completed 2024-06-03T14:35Z",
        "p2  ny ann a2  service 3000 0   0   0   0    completed 2025-04-10T14:35Z",
        "p3  ny ann a3  service 3000 500 0   0   0    completed 2025-04-11T14:35Z",
        "p5  ny ann a5  service 1500 0   0   0   0    completed 2025-05-08T15:25Z",
        "p6  ny ann a6  service 3000 0   0   0   3000 refunded  2025-05-30T14:35Z",
        "p7  la bob a7  service 3000 0   240 600 0    completed 2025-04-22T04:05Z",
        "p8  ny ann -   retail  1200 0   0   -   0    completed 2025-04-10T14:36Z",
        "p9  ny ann -   service 9999 0   0   -   0    pending   2025-04-10T14:37Z",
        "p10 ny -   -   gift    5000 0   0   -   0    completed 2025-04-10T14:38Z",
        "p11 ny ann a10 service 3000 0   0   0   0    completed 2025-06-30T19:35Z",
    )
    return frame.assign(gift_card_cents="0", method="card").replace({"kind": {"gift": "gift_card_sale"}})


def _shifts() -> pd.DataFrame:
    """April: 1,620 minutes in New York and an hour off taken away; 480 in Los Angeles. One over the March change."""
    return _table(
        "staff_id location_id start end kind",
        "ann ny 2025-04-10T13:00Z 2025-04-10T21:00Z available",
        "ann ny 2025-04-11T13:00Z 2025-04-11T21:00Z available",
        "ann ny 2025-04-11T16:00Z 2025-04-11T17:00Z time_off",
        "ann ny 2025-04-12T13:00Z 2025-04-12T17:00Z available",
        "ann ny 2025-04-14T13:00Z 2025-04-14T21:00Z available",
        "bob la 2025-04-21T20:00Z 2025-04-22T04:00Z available",
        "bob la 2025-03-09T08:30Z 2025-03-09T11:30Z available",
    ).replace({"kind": {"time off": "time_off"}})


def write(found: dict[str, pd.DataFrame], folder: Path) -> list[Path]:
    """The export as CSV files, one per table."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.csv" for name in found]
    for path, frame in zip(paths, found.values(), strict=True):
        frame.to_csv(path, index=False)
    return paths


def bring(workspace: Workspace, folder: Path, found: dict[str, pd.DataFrame] | None = None, **options) -> Receipt:
    """Ingest the corner network, or a changed copy of it."""
    paths = write(found or tables(), folder)
    return ingest(workspace, "corner", MAPPING, paths, **({"as_of": AS_OF} | options))
