"""What was measured, what it should be, and what the peer took: a table for people, JSON for programs."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Goal:
    """Bounds that a measurement must keep; of each only what is given counts."""

    median: float | None = None
    p99: float | None = None
    most: float | None = None
    least: float | None = None

    def text(self) -> str:
        parts = [
            f"median < {self.median:g}" if self.median is not None else "",
            f"p99 < {self.p99:g}" if self.p99 is not None else "",
            f"< {self.most:g}" if self.most is not None else "",
            f"≥ {self.least:g}" if self.least is not None else "",
        ]
        return ", ".join(part for part in parts if part)

    def is_reached(self, row: Row) -> bool:
        bounds = [
            (self.median, lambda bound: row.median < bound),
            (self.p99, lambda bound: row.p99 < bound),
            (self.most, lambda bound: row.median < bound),
            (self.least, lambda bound: row.median >= bound),
        ]
        return all(keeps(bound) for bound, keeps in bounds if bound is not None)


@dataclass
class Row:
    measurement: str
    what: str
    unit: str
    count: int
    median: float
    p99: float
    least: float
    most: float
    goal: str = ""
    verdict: str = ""
    note: str = ""
    peer: bool = False


@dataclass
class Results:
    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, measurement: str, what: str, samples, unit: str = "ms", goal: Goal | None = None, peer: bool = False, note: str = "") -> Row:
        ordered = sorted(float(sample) for sample in samples)
        row = Row(
            measurement, what, unit, len(ordered), statistics.median(ordered), _p99(ordered), ordered[0], ordered[-1], note=note, peer=peer,
        )
        if goal:
            row.goal = goal.text()
            row.verdict = "reached" if goal.is_reached(row) else "MISSED"
        self.rows.append(row)
        print(f"  {what}: {_figures(row)}{'  ' + row.verdict if row.verdict else ''}{'  (' + note + ')' if note else ''}", flush=True)
        return row

    def fail(self, measurement: str, why: str):
        self.failures.append(f"{measurement}: {why}")
        print(f"  FAILED: {why}", flush=True)

    def show(self):
        print(f"\n{'measured':<58} {'n':>5} {'median':>9} {'p99':>9} {'least':>9} {'unit':<10} {'goal':<24} verdict")
        for row in self.rows:
            what = f"  peer: {row.what}" if row.peer else row.what
            print(
                f"{what:<58} {row.count:>5} {_number(row.median):>9} {_number(row.p99):>9} {_number(row.least):>9} {row.unit:<10} {row.goal:<24} "
                f"{self._verdict(row)}"
            )
        for failure in self.failures:
            print(f"FAILED  {failure}")

    def write(self, path: Path, **facts):
        content = dict(facts, rows=[asdict(row) for row in self.rows], failures=self.failures)
        path.write_text(json.dumps(content, indent=2) + "\n")

    def _verdict(self, row: Row) -> str:
        """A peer's row says how it compares with the first row of the same measurement in the same unit."""
        if not row.peer:
            return row.verdict
        ours = next((own for own in self.rows if own.measurement == row.measurement and not own.peer and own.unit == row.unit), None)
        if not ours or not ours.median:
            return ""
        return f"{row.median / ours.median:.1f} × ours"


def _p99(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}"


def _figures(row: Row) -> str:
    if row.count == 1:
        return f"{_number(row.median)} {row.unit}"
    return f"median {_number(row.median)} {row.unit}, p99 {_number(row.p99)} {row.unit} (n={row.count})"
