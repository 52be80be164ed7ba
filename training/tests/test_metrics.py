"""Metrics and what is read off a distribution, against values worked by hand."""

import math
import unittest
import warnings

import numpy as np

from scorewire_training import bins, evaluate, metrics


class Metrics(unittest.TestCase):
    P = np.array([0.9, 0.6, 0.3, 0.2])
    Y = np.array([1, 0, 1, 0])

    def test_log_loss(self) -> None:
        by_hand = -(math.log(0.9) + math.log(0.4) + math.log(0.3) + math.log(0.8)) / 4
        self.assertAlmostEqual(metrics.log_loss(self.P, self.Y), by_hand)

    def test_log_loss_of_classes_is_that_of_what_happened(self) -> None:
        p = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
        self.assertAlmostEqual(metrics.log_loss(p, np.array([0, 2])), -(math.log(0.5) + math.log(0.8)) / 2)

    def test_brier(self) -> None:
        self.assertAlmostEqual(metrics.brier(self.P, self.Y), (0.01 + 0.36 + 0.49 + 0.04) / 4)

    def test_accuracy(self) -> None:
        self.assertEqual(metrics.accuracy(self.P, self.Y), 0.5)

    def test_auc_counts_pairs_and_halves_ties(self) -> None:
        self.assertEqual(metrics.auc(self.P, self.Y), 0.75)
        self.assertEqual(metrics.auc(np.array([0.5, 0.5]), np.array([1, 0])), 0.5)

    def test_calibration_error_of_one_bin(self) -> None:
        p = np.full(10, 0.7)
        y = np.array([1] * 5 + [0] * 5)
        self.assertAlmostEqual(metrics.calibration_error(p, y), 0.2)

    def test_coverage_and_accuracy_at_confidence(self) -> None:
        coverage, right = metrics.at_confidence(self.P, self.Y)
        self.assertEqual((coverage, right), (0.75, 2 / 3))

    def test_coverage_at_accuracy_takes_the_surest_first(self) -> None:
        self.assertEqual(metrics.coverage_at(self.P, self.Y, right=1.0), 0.5)
        self.assertEqual(metrics.coverage_at(self.P, 1 - self.Y, right=1.0), 0.0)

    def test_auc_of_classes_is_the_mean_of_each_against_the_rest(self) -> None:
        p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
        y = np.array([0, 1, 1])  # of class 0: 1 of 1 pair, and 1 of 1; of class 1: 2 of 2; class 2 never happened
        self.assertEqual(metrics.auc(p, y), 1.0)
        self.assertEqual(metrics.auc(p, np.array([0, 1, 0])), 1.0)
        self.assertEqual(metrics.auc(p, np.array([1, 0, 0])), 0.0)

    def test_coverage_of_classes_goes_by_the_probability_of_what_is_called(self) -> None:
        p = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.4, 0.3, 0.3]])
        self.assertEqual(metrics.at_confidence(p, np.array([0, 2, 0])), (2 / 3, 0.5))
        self.assertEqual(metrics.coverage_at(p, np.array([0, 2, 0]), right=1.0), 1 / 3)

    def test_of_no_rows_nothing_can_be_said(self) -> None:
        for p, y in ((np.zeros(0), np.zeros(0, int)), (np.zeros((0, 3)), np.zeros(0, int))):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                told = evaluate.figures(p, y)
            self.assertTrue(all(math.isnan(value) for value in told.values()), told)

    def test_of_one_class_alone_there_is_no_auc(self) -> None:
        told = evaluate.figures(self.P, np.ones(4, int))
        self.assertEqual([name for name, value in told.items() if math.isnan(value)], ["auc"])


class Distributions(unittest.TestCase):
    def test_quantiles_of_one_bin_lie_evenly_in_it(self) -> None:
        mass = np.zeros((1, bins.BINS))
        mass[0, bins.ATOM_BIN + 2] = 1  # 0.5 to 1 point
        median, low, high = bins.answer(mass, 0.8)[0]
        self.assertAlmostEqual(median, 0.75, places=4)
        self.assertAlmostEqual(low, 0.55, places=4)
        self.assertAlmostEqual(high, 0.95, places=4)

    def test_an_interval_with_nothing_more_at_its_low_end_has_that_whole_mass_inside(self) -> None:
        mass = np.zeros((1, bins.BINS))
        mass[0, bins.ATOM_BIN], mass[0, bins.ATOM_BIN + 2] = 0.5, 0.5
        low, high = bins.interval(mass, 0.8)
        self.assertAlmostEqual(float(low[0]), 0.0, delta=bins.ATOM)
        self.assertAlmostEqual(float(high[0]), 0.8, places=4)  # 0.3 of 0.5 of the bin, not 0.4

    def test_calibration_finds_the_span_that_holds_the_wanted_share(self) -> None:
        mass = np.zeros((1001, bins.BINS))
        mass[:, -1] = 1  # 50 to 60 points, evenly
        spread = np.linspace(50, 60, 1001)
        self.assertAlmostEqual(bins.calibrate(mass, spread), bins.INTERVAL, delta=0.006)


if __name__ == "__main__":
    unittest.main()
