# SPDX-License-Identifier: Apache-2.0
"""The suite of the scheduler's parts: Google Benchmark programs beside them, without peers."""

import json

import programs
from rows import Row, Spec


def run_sched(bench):
    """Rows of every drama/sched/*_bench.cpp."""
    said = programs.run([programs.BIN / "sched_bench", "--benchmark_format=json",
                         f"--benchmark_repetitions={bench.rounds}"])
    samples = {}
    units = {}
    for each in json.loads(said)["benchmarks"]:
        if each["run_type"] == "iteration" and bench.is_wanted(each["run_name"]):
            samples.setdefault(each["run_name"], []).append(each["cpu_time"])
            units[each["run_name"]] = each["time_unit"]
    for name, figures in samples.items():
        bench.add(Row(Spec("sched", name, units[name]), {"drama": figures}))
