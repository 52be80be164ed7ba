"""What a card takes from the bench."""

import tempfile
import unittest
from pathlib import Path

from scorewire_training import notes, shipped

BENCH = """a made-up machine
model                    backend            rows    p50 µs    p99 µs   CPU p50   CPU p99  rows/CPU s  load ms
win-1                    onnxruntime cpu       1      11.5      18.0      11.0      17.0       90000      3.1
win-1                    onnxruntime cpu       8      15.0      20.0      14.0      19.0      500000      3.1
win-1                    tract cpu             1      20.0      30.0      19.0      29.0       50000      9.9
win-12                   tract cpu             1      99.0      99.0      99.0      99.0       50000      9.9
"""


class Latency(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "latency.txt"

    def test_a_row_a_backend_and_batch_and_where_it_was(self) -> None:
        self.file.write_text(BENCH)
        first, *lines = notes.latency("win-1", self.file)
        self.assertIn("a made-up machine", first)
        self.assertEqual(lines[-2:], ["| onnxruntime cpu | 1 | 11.5 | 18.0 | 11.0 | 17.0 |", "| tract cpu | 1 | 20.0 | 30.0 | 19.0 | 29.0 |"])

    def test_every_model_has_its_runs_on_both_backends(self) -> None:
        stems = [shipped.model_file(name).stem for name in shipped.SPECS | shipped.PLAYERS]
        backends, rows = ("onnxruntime cuda:0", "tract cpu"), (1, 8, 32, 64, 256, 1024)
        head = f"{'model':<24} {'backend':<18} {'rows':>5} {'p50 µs':>9} {'p99 µs':>9} {'CPU p50':>9} {'CPU p99':>9} {'rows/CPU s':>11} {'load ms':>8}"
        times = f"{12345.6:>9.1f} {23456.7:>9.1f} {1.0:>9.1f} {2.0:>9.1f} {123456:>11.0f} {3.1:>8.1f}"
        runs = [f"{stem:<24} {backend:<18} {count:>5} {times}" for stem in stems for backend in backends for count in rows]
        step = f"{'32 games at once':<24} {'tract':<18} {'step':>5} {times[:39]}  96.0 rows of models a step, 0.0 known before"
        self.file.write_text("\n".join([head, *runs, step]) + "\n")
        for stem in stems:
            first, *lines = notes.latency(stem, self.file)
            self.assertIn("a machine that is not named", first)
            wanted = [f"| {backend} | {count} | 12345.6 | 23456.7 | 1.0 | 2.0 |" for backend in backends for count in (1, 32, 256)]
            self.assertEqual(lines[-6:], wanted, stem)

    def test_what_was_not_measured_is_said(self) -> None:
        self.assertIn("Not measured", notes.latency("win-1", self.file)[0])
        self.file.write_text(BENCH)
        self.assertIn("Not measured", notes.latency("win-2", self.file)[0])


if __name__ == "__main__":
    unittest.main()
