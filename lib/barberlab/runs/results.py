"""Which numbers did a run find, for programs? results.json: what the notebook kept by `keep_result`, and what of.

    {"schema": 1, "network": "north", "report": "performance", "run_id": "r000012-performance", "as_of": "...", ...,
     "results": [{"name": "visits", "value": 4381, "unit": "visits", "as_of": "...", "low80": null, ..., "note": ""}]}

A field may be added under the same schema number; one that changes its meaning or goes takes the next.
"""

import json
from pathlib import Path
from typing import Any

from barberlab import files
from barberlab.errors import Damaged, GateFailed
from barberlab.runs import inside

NAME = "results.json"
SCHEMA = 1
_FIELDS = {"name", "value", "unit", "as_of", "low80", "high80", "low95", "high95", "note"}


def write(folder: Path, facts: dict[str, Any]) -> None:
    """Put results.json into a run's staging folder, in place of the lines that the notebook wrote.

    facts: what the run is about, `as_of` among it. Raises GateFailed for lines that `keep_result` did not write.
    """
    path = folder / inside.RESULTS
    try:
        kept = [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        if any(set(result) != _FIELDS for result in kept):
            raise ValueError
    except (ValueError, TypeError):
        raise GateFailed(f"{inside.RESULTS} was not written by keep_result") from None
    results = [result | {"as_of": result["as_of"] or facts["as_of"]} for result in kept]
    files.put(folder / NAME, files.json_bytes(facts | {"schema": SCHEMA, "results": results}))
    path.unlink(missing_ok=True)


def read(content: bytes, run_id: str) -> dict[str, Any]:
    """What `write` wrote; raises Damaged for a schema that this version does not know."""
    found = json.loads(content)
    if found.get("schema") != SCHEMA:
        raise Damaged(f"run {run_id}: {NAME} has schema {found.get('schema')}, this version reads {SCHEMA}; run again")
    return found
