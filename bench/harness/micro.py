# SPDX-License-Identifier: Apache-2.0
"""The suites that compare one figure: micro (with echo) and http."""

import programs
from rows import ASYNC_PEERS, Row, Spec

BOTH = (1, 2)
WITH_TBB = (*ASYNC_PEERS, "tbb")
# Name, unit, threads, who does it besides drama.
FORMS = [
    ("spawn_join", "ns/task", BOTH, WITH_TBB),
    ("spawn_two", "ns/task", BOTH, WITH_TBB),
    ("yield", "ns/yield", BOTH, ASYNC_PEERS),
    ("ping_pong", "ns/round trip", BOTH, ASYNC_PEERS),
    ("ping_pong_across", "ns/round trip", (2,), ASYNC_PEERS),
    ("channel", "ns/item", BOTH, ASYNC_PEERS),
    ("channel_4to1", "ns/item", BOTH, ASYNC_PEERS),
    ("timers_10k", "CPU ns/timer", BOTH, ASYNC_PEERS),
    ("timers_100k", "CPU ns/timer", BOTH, ASYNC_PEERS),
    ("blocking", "ns/round trip, p50", BOTH, ASYNC_PEERS),
    ("blocking_64", "calls/s", BOTH, ASYNC_PEERS),
    ("memory", "bytes/sleeping task", (1,), ASYNC_PEERS),
    ("skynet", "ms", BOTH, WITH_TBB),
    ("fib", "ms", BOTH, WITH_TBB),
]
MORE_IS_BETTER = {"blocking_64"}
NOT_GO = {"blocking", "blocking_64"}  # it hands nothing over to another thread there
BESIDE_TBB = {"skynet", "fib"}
SCALING = {"spawn_two": "spawn_scaling", "yield": "yield_scaling"}


def alternate(bench, spec, among, measure):
    """Adds a row: each repetition measures one program after the other."""
    row = Row(spec)
    for _ in range(bench.rounds):
        for program in among:
            row.samples.setdefault(program, []).append(measure(program))
    bench.add(row)
    return row


def form(bench, name, unit, threads, peers):
    among = programs.built(("drama", *peers), programs.MICRO)
    counted = tuple(each for each in ASYNC_PEERS if each != "go" or name not in NOT_GO)
    rows = {}
    for count in threads:
        spec = Spec("micro", f"{name}/{count}", unit, name not in MORE_IS_BETTER, counted)
        rows[count] = alternate(bench, spec, among,
                                lambda program: programs.micro_figure(program, name, count))
        if name in BESIDE_TBB:
            beside = Spec("micro", f"{name}_beside_tbb/{count}", unit, counted=("tbb",))
            bench.add(Row(beside, rows[count].samples))
    if name in SCALING:
        bench.add(scaling(SCALING[name], rows[1].samples, rows[2].samples))


def scaling(name, one, two):
    """How many times as much two workers do as one; both were measured as time."""
    samples = {each: [a / b for a, b in zip(one[each], two[each])] for each in one}
    return Row(Spec("micro", name, "x", False, ()), samples)


def network(bench, suite, name, unit, figure):
    if not bench.is_wanted(name):
        return
    among = programs.built(("drama", *ASYNC_PEERS), programs.SERVER)
    for count in BOTH:
        alternate(bench, Spec(suite, f"{name}/{count}", unit, False), among,
                  lambda program: figure(program, count, bench.seconds))


def run_micro(bench):
    for name, unit, threads, peers in FORMS:
        if bench.is_wanted(name):
            form(bench, name, unit, threads, peers)
    network(bench, "micro", "echo", "exchanges/s", programs.echo_figure)


def run_http(bench):
    network(bench, "http", "http", "requests/s", programs.http_figure)
