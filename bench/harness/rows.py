# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench found: rows with a ratio, as JSON lines and as a table for people."""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

ASYNC_PEERS = ("tokio", "go", "asio")
KEYS = ("suite", "name", "unit", "drama", "peer", "best_peer", "ratio", "lower_is_better", "min",
        "max")


@dataclass(frozen=True)
class Spec:
    """One measurement. Only `counted` peers can be the best one; the others are just shown. `figure`
    makes one of the repetitions; the least is what code takes that nothing disturbs."""

    suite: str
    name: str
    unit: str
    lower_is_better: bool = True
    counted: tuple = ASYNC_PEERS
    figure: Callable = statistics.median


@dataclass
class Row:
    spec: Spec
    samples: dict = field(default_factory=dict)  # program -> figures, one for each repetition

    def figure(self, program):
        figures = self.samples.get(program)
        return self.spec.figure(figures) if figures else None

    def best_peer(self):
        """The counted peer with the best figure, or None."""
        there = [peer for peer in self.spec.counted if self.samples.get(peer)]
        choose = min if self.spec.lower_is_better else max
        return choose(there, key=self.figure) if there else None

    def ratio(self):
        """drama's figure by the best peer's: below 1 is better where lower is better."""
        best = self.best_peer()
        ours = self.figure("drama")
        if best is None or ours is None or self.figure(best) == 0:
            return None
        return ours / self.figure(best)

    def as_dict(self):
        best = self.best_peer()
        ours = self.samples.get("drama")
        ratio = self.ratio()
        values = (self.spec.suite, self.spec.name, self.spec.unit, self.figure("drama"),
                  self.figure(best) if best else None, best,
                  round(ratio, 3) if ratio is not None else None, self.spec.lower_is_better,
                  min(ours) if ours else None, max(ours) if ours else None)
        return dict(zip(KEYS, values))


def json_lines(rows):
    return "".join(json.dumps(row.as_dict()) + "\n" for row in rows)


def figure_text(value):
    """Three digits that matter: 3.14, 31.4, 314, 3142, 31.4k, 3.14M."""
    if value is None:
        return "-"
    for limit, divisor, unit in ((1e4, 1, ""), (1e6, 1e3, "k"), (float("inf"), 1e6, "M")):
        if abs(value) < limit:
            value /= divisor
            digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
            return f"{value:.{digits}f}{unit}"
    return str(value)


def cell(row, program):
    """The figure, and least and greatest where there are several."""
    figures = row.samples.get(program)
    if not figures:
        return "-"
    text = figure_text(row.figure(program))
    if len(figures) > 1:
        text += f" ({figure_text(min(figures))}-{figure_text(max(figures))})"
    return text


def ratio_text(row):
    ratio = row.ratio()
    if ratio is None:
        return "-"
    is_behind = ratio > 1 if row.spec.lower_is_better else ratio < 1
    return f"{ratio:.2f} x {row.best_peer()}{' *' if is_behind else ''}"


def line(row):
    """The row alone, with the programs' names."""
    figures = ", ".join(f"{program} {cell(row, program)}" for program in row.samples)
    return f"{row.spec.name} [{row.spec.unit}]: {figures}; {ratio_text(row)}"


def table(rows):
    """A text table: one column for each program that has a figure."""
    programs = [each for each in ("drama", *ASYNC_PEERS, "tbb")
                if any(row.samples.get(each) for row in rows)]
    lines = [["name", "unit", *programs, "drama / best peer"]]
    for row in rows:
        cells = [cell(row, each) for each in programs]
        unit = row.spec.unit + ("" if row.spec.lower_is_better else " (more is better)")
        lines.append([row.spec.name, unit, *cells, ratio_text(row)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = "".join("  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip() + "\n"
                   for line in lines)
    if any(ratio_text(row).endswith("*") for row in rows):
        text += "* behind the best peer that counts here\n"
    return text
