"""Excel files for tests, without a library that writes them."""

import zipfile
from pathlib import Path

import pandas as pd


def write_xlsx(path: Path, frame: pd.DataFrame) -> None:
    """The smallest workbook there is: one sheet, numbers as numbers, text inline."""
    spec = "http://schemas.openxmlformats.org"
    main, office = f"{spec}/spreadsheetml/2006/main", f"{spec}/officeDocument/2006/relationships"
    rows = [list(frame.columns), *frame.to_numpy().tolist()]
    cells = "".join("<row>" + "".join(_cell(value) for value in row) + "</row>" for row in rows)
    relation = f'<Relationships xmlns="{spec}/package/2006/relationships"><Relationship Id="r1" Type="{office}/'
    parts = {
        "_rels/.rels": f'{relation}officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'{relation}worksheet" Target="sheet.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="menu" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/sheet.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


def _cell(value: str) -> str:
    number = value.isdigit()
    return f"<c><v>{value}</v></c>" if number else f'<c t="inlineStr"><is><t>{value}</t></is></c>'
