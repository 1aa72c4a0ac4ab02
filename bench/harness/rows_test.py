# SPDX-License-Identifier: Apache-2.0
"""Ratios, JSON lines and tables of figures that are given."""

import json
import unittest

from micro import scaling
from rows import KEYS, Row, Spec, figure_text, json_lines, table

TIMES = {"drama": [90, 110, 100], "tokio": [200, 190, 210], "go": [50, 40, 60], "tbb": [1, 1, 1]}


def only(row):
    return json.loads(json_lines([row]))


class Rows(unittest.TestCase):
    def test_the_best_peer_is_the_one_with_the_lowest_median(self):
        found = only(Row(Spec("micro", "yield/1", "ns"), TIMES))
        self.assertEqual(list(found), list(KEYS))
        self.assertEqual(found, {
            "suite": "micro", "name": "yield/1", "unit": "ns", "drama": 100, "peer": 50,
            "best_peer": "go", "ratio": 2.0, "lower_is_better": True, "min": 90, "max": 110})

    def test_where_more_is_better_the_highest_median_wins(self):
        found = only(Row(Spec("http", "http/2", "requests/s", False), TIMES))
        self.assertEqual((found["best_peer"], found["peer"], found["ratio"]), ("tokio", 200, 0.5))
        self.assertFalse(found["lower_is_better"])

    def test_a_peer_that_does_not_count_is_shown_but_never_the_best(self):
        row = Row(Spec("micro", "blocking/1", "ns", counted=("tokio", "asio")), TIMES)
        self.assertEqual((only(row)["best_peer"], only(row)["ratio"]), ("tokio", 0.5))
        self.assertIn("50.0 (40.0-60.0)", table([row]))

    def test_without_a_peer_its_fields_are_null(self):
        found = only(Row(Spec("sched", "pick", "ns"), {"drama": [3.0]}))
        self.assertEqual([found[key] for key in ("drama", "peer", "best_peer", "ratio")],
                         [3.0, None, None, None])

    def test_without_drama_there_is_no_ratio(self):
        found = only(Row(Spec("micro", "fib/1", "ms"), {"tokio": [3.0]}))
        self.assertEqual([found[key] for key in ("drama", "peer", "ratio", "min", "max")],
                         [None, 3.0, None, None, None])

    def test_a_peer_of_zero_divides_nothing(self):
        self.assertIsNone(Row(Spec("a", "b", "ns"), {"drama": [1], "go": [0]}).ratio())

    def test_the_median_of_repetitions_ignores_one_that_went_wrong(self):
        self.assertEqual(Row(Spec("a", "b", "ns"), {"drama": [10, 11, 9000]}).figure("drama"), 11)

    def test_a_row_may_stand_for_the_least_of_its_repetitions(self):
        found = only(Row(Spec("sched", "pick/1e3", "ns", figure=min), {"drama": [12, 10, 9000]}))
        self.assertEqual((found["drama"], found["min"], found["max"]), (10, 10, 9000))

    def test_scaling_is_how_much_more_two_workers_do(self):
        row = scaling("spawn_scaling", {"drama": [100, 100]}, {"drama": [50, 100]})
        self.assertEqual(row.samples, {"drama": [2.0, 1.0]})
        self.assertIsNone(only(row)["best_peer"])

    def test_the_table_marks_where_drama_is_behind(self):
        behind = table([Row(Spec("micro", "yield/1", "ns"), TIMES)])
        self.assertIn("2.00 x go *", behind)
        ahead = table([Row(Spec("micro", "x", "ns"), {"drama": [1], "go": [2]})])
        self.assertIn("0.50 x go", ahead)
        self.assertNotIn("*", ahead)

    def test_the_table_has_a_column_for_each_program_with_figures(self):
        lines = table([Row(Spec("a", "first", "ns"), {"drama": [1], "asio": [4]}),
                       Row(Spec("a", "second", "per s", False), {"drama": [1]})]).splitlines()
        self.assertEqual(lines[0].split(), ["name", "unit", "drama", "asio", "drama", "/", "best",
                                            "peer"])
        self.assertEqual(lines[2].split(), ["second", "per", "s", "(more", "is", "better)", "1.00",
                                            "-", "-"])

    def test_figures_keep_three_digits(self):
        self.assertEqual([figure_text(each) for each in (None, 3.14159, 31.4159, 314.159, 3141.59,
                                                         31415.9, 3141590)],
                         ["-", "3.14", "31.4", "314", "3142", "31.4k", "3.14M"])


if __name__ == "__main__":
    unittest.main()
