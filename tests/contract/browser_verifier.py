"""The dashboard's verifier beside the one in Python: what each says of many receipts, as JSON that can be compared."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from equipoise.errors import EquipoiseError
from equipoise.ledger.quorum import parse_policy
from equipoise.receipt import verify_receipt
from equipoise.receipt.words import not_shown, told

ROOT = Path(__file__).resolve().parents[2]
VERIFIER = ROOT / "src" / "equipoise" / "web" / "app" / "verify"
NODE = shutil.which("node")

Said = dict[str, Any]


def by_node(cases: Iterable[Mapping[str, Any]]) -> list[Said]:
    """Return what the dashboard's verifier says of cases, in their order."""
    assert NODE is not None
    lines = [json.dumps(case) for case in cases]
    run = subprocess.run(
        [NODE, str(Path(__file__).with_name("browser_verifier.mjs")), str(VERIFIER)],
        input="\n".join(lines).encode(), capture_output=True, check=False, timeout=900,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr.decode()[-2_000:]
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(found) == len(lines)
    return found


def receipt_case(policy: str, data: bytes) -> dict[str, Any]:
    """Return the case of a receipt."""
    return {"do": "receipt", "policy": policy, "data": text_of(data)}


def text_of(data: bytes) -> str:
    """Return bytes as cases hold them."""
    return base64.b64encode(data).decode()


def said_by_python(policy: str, data: bytes) -> Said:
    """Return what `verify_receipt` says of a receipt, in the same words."""
    try:
        found = verify_receipt(data, policy=parse_policy(policy.encode()))
    except EquipoiseError as error:
        return {"code": error.code, "sentence": error.message}
    lines = list(told(found))
    head = lines[: lines.index("Not shown by this:")]
    return {"code": None, "told": [line.strip() for line in head], "not_shown": list(not_shown(found))}
