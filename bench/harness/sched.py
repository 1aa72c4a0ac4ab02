# SPDX-License-Identifier: Apache-2.0
"""The suite of the scheduler: what decisions and turns cost, and its parts, without peers."""

import json

import programs
from rows import Row, Spec


def run_sched(bench):
    """Rows of policy_bench, and of every drama/sched/*_bench.cpp."""
    run_policy(bench)
    run_parts(bench)


def run_policy(bench):
    """The least of the repetitions that the program makes."""
    for said in programs.run([programs.BIN / "policy_bench", "--json"]).splitlines():
        row = json.loads(said)
        if bench.is_wanted(row["name"]):
            bench.add(Row(Spec("sched", row["name"], row["unit"], figure=min),
                          {"drama": row["samples"]}))


def run_parts(bench):
    """Google Benchmark programs."""
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
