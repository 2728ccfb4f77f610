"""A small lab's charters, the key files of its boards, and a ledger that they are entered into."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from equipoise.charter_io import digest
from equipoise.ledger.assent import Act
from equipoise.ledger.keys import SigningKey
from equipoise.tasks.amend import Applied, apply, sign_charter, write_envelope
from equipoise.tasks.keys import member_text, new_key

DAY_MS = 86_400_000
BEGIN_MS = 1_810_000_000_000
MEMBERS = {"executive": ("eve", "emil"), "safety": ("sana", "sven", "sara")}


@dataclass
class Lab:
    """Real files in a folder: charters, keys, envelopes and a ledger; only its clock is set."""

    folder: Path
    now_ms: int = BEGIN_MS
    keys: dict[str, SigningKey] = field(default_factory=dict[str, SigningKey])
    digests: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        for member in ("lab.example/ledger", "mallory", *(name for names in MEMBERS.values() for name in names)):
            self.keys[member] = new_key(member, self.folder / f"{member.replace('/', '-')}.key")

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    def charter(
        self,
        name: str,
        *,
        revision: int = 1,
        parent: str | None = None,
        floor: str = "30%",
        note: str = "",
        boards: bool = True,
        effective: str = "",
        members: dict[str, str] | None = None,
    ) -> Path:
        """Write a charter whose safety floor, boards and comment are as asked for."""
        lines = ["equipoise: charter/v1", "lab: Small", f"revision: {revision}", f"# {note}"]
        lines += [f"parent: {parent}"] if parent else []
        lines += [f"effective: {effective}"] if effective else []
        lines += ["pools: {h100: {device: H100, expect: 2 nodes of 8 gpu}}", "teams:", "  product: {floor: 50%}"]
        lines += [f"  safety: {{floor: {floor}{', protected_by: [safety]' if boards else ''}}}"]
        if boards:
            lines += ["boards:"]
            for board, names in MEMBERS.items():
                lines += [f"  {board}:", f"    quorum: {len(names) - 1}", "    members:"]
                lines += [f"      {each}: {(members or {}).get(each, self.member(each))}" for each in names]
            lines += [
                "amendments:",
                "  ordinary: {needs: [executive], notice: 0d}",
                "  weakening: {needs: [executive], notice: 14d}",
                "  constitution: {needs: [executive, safety], notice: 30d}",
                "  emergency: {by: executive, lasts: 72h, keep: 50%, per_quarter: 2}",
            ]
        path = self.folder / f"{name}.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.digests.append(digest(path.read_bytes()))
        return path

    def member(self, name: str) -> str:
        return member_text(self.keys[name].verifier)

    def signed(self, charter: Path, *names: str, act: Act = "amendment") -> Path:
        """Sign a charter by several people, one after the other, in one file."""
        path = charter.with_suffix(f".{act}.{'-'.join(names)}")
        for name in names:
            write_envelope(sign_charter(charter, self.keys[name], act=act, to=path).envelope, path)
        return path

    def apply(self, charter: Path | None, *envelopes: Path, act: Act | None = "amendment", reason: str = "") -> Applied:
        return apply(
            charter, envelopes, ledger=self.ledger, key=self.keys["lab.example/ledger"], act=act, reason=reason,
            at_ms=self.now_ms,
        )  # fmt: skip

    def later(self, *, days: float = 0.0, ms: int = 0) -> None:
        self.now_ms += int(days * DAY_MS) + ms
