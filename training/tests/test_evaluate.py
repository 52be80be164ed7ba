"""What `training/evaluate` says of input that it cannot judge: one line that names it, and 2."""

import contextlib
import gzip
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from scorewire_training import evaluate, plays
from tests import made_up


class Errors(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def said(self, *arguments: object) -> str:
        """The last line on standard error of a run that has to end with 2."""
        text = io.StringIO()
        with mock.patch("sys.argv", ["evaluate", *map(str, arguments)]), contextlib.redirect_stderr(text):
            try:
                code = evaluate.main()
            except SystemExit as end:
                code = end.code
        self.assertEqual(code, 2, text.getvalue())
        return text.getvalue().strip().splitlines()[-1]

    def file(self, name: str, data: bytes) -> Path:
        """A file with that in it."""
        path = self.folder / name
        path.write_bytes(data)
        return path

    def test_nothing_to_judge(self) -> None:
        self.assertIn("nothing to judge", self.said())

    def test_no_such_file(self) -> None:
        self.assertIn("no such file", self.said("--plays", self.folder / "none.csv"))

    def test_an_empty_file(self) -> None:
        empty = self.file("empty.csv", b"")
        self.assertIn("empty.csv: is empty", self.said("--plays", empty))
        self.assertIn("empty.csv: is empty", self.said("--player-quarters", empty))

    def test_a_header_alone(self) -> None:
        header = self.file("header.csv", (",".join(made_up.COLUMNS) + "\n").encode())
        self.assertIn("has a header and no row", self.said("--player-quarters", header))

    def test_another_header(self) -> None:
        other = self.file("other.csv", b"a,b\n1,2\n")
        self.assertIn("has no column 'game_id'", self.said("--plays", other))

    def test_plays_given_as_quarters_and_quarters_as_plays(self) -> None:
        of_plays = self.file("plays.csv", (",".join(plays.COLUMNS) + "\n" + ",".join("1" for _ in plays.COLUMNS) + "\n").encode())
        self.assertIn("another layout", self.said("--player-quarters", of_plays))
        quarters = made_up.write(self.folder / "quarters.csv", made_up.quarters(1))
        self.assertIn("another layout", self.said("--plays", quarters))

    def test_a_file_that_is_cut_off(self) -> None:
        whole = gzip.compress(made_up.write(self.folder / "quarters.csv", made_up.quarters(200)).read_bytes())
        cut = self.file("cut.csv.gz", whole[: len(whole) // 2])
        self.assertIn("cut.csv.gz: cannot be read", self.said("--player-quarters", cut))
        self.assertIn("no.csv.gz: cannot be read", self.said("--plays", self.file("no.csv.gz", b"not compressed")))

    def test_a_number_that_is_none_is_named_with_its_line(self) -> None:
        rows = made_up.quarters(1)
        rows[2]["rec"] = "three"
        self.assertIn("line 4: could not convert", self.said("--player-quarters", made_up.write(self.folder / "bad.csv", rows)))

    def test_a_quarter_told_twice(self) -> None:
        rows = made_up.quarters(1)
        path = made_up.write(self.folder / "twice.csv", [*rows, rows[-1]])
        self.assertIn("line 6: game 2017010100, player 00-0000001: quarter 4 is told twice", self.said("--player-quarters", path))


if __name__ == "__main__":
    unittest.main()
