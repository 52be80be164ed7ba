"""What a card takes from the bench."""

import tempfile
import unittest
from pathlib import Path

from scorewire_training import notes

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
        self.assertEqual(lines[-2:], ["| onnxruntime cpu | 1 | 11.5 | 18.0 |", "| tract cpu | 1 | 20.0 | 30.0 |"])

    def test_what_was_not_measured_is_said(self) -> None:
        self.assertIn("Not measured", notes.latency("win-1", self.file)[0])
        self.file.write_text(BENCH)
        self.assertIn("Not measured", notes.latency("win-2", self.file)[0])


if __name__ == "__main__":
    unittest.main()
