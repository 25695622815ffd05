"""The README's mapping file works as printed."""

import re

import pandas as pd
import pytest

import corner
from barberlab.data.ingest import ingest
from barberlab.data.lab import open_lab, require
from barberlab.errors import NotAvailable
from barberlab.scope import Scope
from workbook import write_xlsx

VISITS = """number,shop,shop_name,barber,barber_name,client,service,minutes,day,time,outcome
v1,s1,Mill Lane,b1,Ann,c1,Cut,30,06/02/2025,9:30 AM,Done
v2,s1,Mill Lane,b1,Ann,,Cut,30,06/02/2025,3:30 PM,Done
v3,s1,Mill Lane,b1,Ann,c2,Beard,20,06/03/2025,10:00 AM,No show
"""


def test_the_worked_mapping_of_the_readme_takes_an_export_in(workspace, tmp_path):
    mapping = tmp_path / "chairtime.yaml"
    mapping.write_text(re.search(r"```yaml\n(.*?)```", (corner.REPO / "README.md").read_text(), re.S)[1])
    (tmp_path / "visits-june.csv").write_text(VISITS)
    till = pd.DataFrame(
        [["r1", "s1", "v1", "31.50", "06/02/2025 10:05"], ["r2", "s1", "v2", "30", "06/02/2025 16:02"]],
        columns=["receipt", "shop", "visit", "amount", "paid"],
    )
    write_xlsx(tmp_path / "till.xlsx", till)
    receipt = ingest(workspace, "corner", mapping, [tmp_path / "visits-june.csv", tmp_path / "till.xlsx"])
    lab = open_lab(workspace, Scope("corner"))
    assert receipt.bad == 0
    assert lab.metric("net_service_revenue", grain="total")["value"].item() == 6150
    assert lab.metric("no_show_rate", grain="total")["value"].item() == pytest.approx(1 / 3)
    with pytest.raises(NotAvailable, match="needs table 8, shifts"):
        require(lab.metric("utilisation", grain="total"))
