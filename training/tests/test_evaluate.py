"""What `training/evaluate` says of input that it cannot judge: one line that names it, and 2."""

import contextlib
import gzip
import io
import json
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from scorewire_training import evaluate, plays, shipped
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

    def test_a_folder_without_a_model_is_not_judged_as_what_ships(self) -> None:
        file = self.file("plays.csv", b"")
        for folder in (self.folder / "typo", self.folder, file):
            self.assertIn(f"{folder} is no folder with any of next_play-1.onnx", self.said("--plays", file, "--models", folder))

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


def table_of_plays(path: Path, **of_all: str) -> Path:
    """A table with one game of one play, told what is given."""
    row = dict.fromkeys(plays.COLUMNS, "0") | {"game_id": "2017090700", "season": "2017", "season_type": "REG", "home": "NE"}
    row |= {"posteam": "NE", "defteam": "PHI", "play_type": "run", "qtr": "4", "clock": "00:05", "down": "1", "distance": "10"}
    return made_up.write(path, [row | {"yardline_100": "50"} | of_all])


class Little(unittest.TestCase):
    """Tables of which little or nothing can be said."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "plays.csv"

    def test_each_model_is_told_with_the_file_it_is(self) -> None:
        own = self.path.parent / "win-1.onnx"
        shutil.copy(shipped.model_file("win"), own)
        shutil.copy(shipped.model_file("win").with_suffix(".json"), own.with_suffix(".json"))
        report = {"plays": evaluate.of_plays([table_of_plays(self.path)], [], shipped.folder_of_models(str(own.parent)))}
        wanted = {name: str(own if name == "win" else shipped.model_file(name)) for name in shipped.SPECS}
        self.assertEqual({name: entry["file"] for name, entry in report["plays"].items()}, wanted)
        self.assertEqual([tuple(line.split()) for line in evaluate.files(report).splitlines()], list(wanted.items()))

    def judged(self, **of_all: str) -> dict[str, object]:
        """The JSON of a table of one play."""
        path, text = table_of_plays(self.path, **of_all), io.StringIO()
        with mock.patch("sys.argv", ["evaluate", "--plays", str(path), "--json", "-"]), contextlib.redirect_stdout(text):
            self.assertEqual(evaluate.main(), 0)
        refused = mock.Mock(side_effect=AssertionError("a number that JSON has not"))
        return json.loads(text.getvalue(), parse_constant=refused)["plays"]

    def test_one_row_has_figures_but_no_auc(self) -> None:
        told = self.judged()["next_play"]["model"]
        self.assertEqual((told["rows"], told["run_or_dropback"]["auc"]), (1, None))
        self.assertGreater(told["run_or_dropback"]["log_loss"], 0)

    def test_a_kick_alone_is_no_play_to_judge(self) -> None:
        told = self.judged(play_type="kickoff", down="0")["next_play"]["model"]
        self.assertEqual((told["rows"], set(told["kinds"].values())), (0, {None}))

    def test_the_table_for_people_has_dashes_there(self) -> None:
        text = evaluate.table(evaluate.of_plays([table_of_plays(self.path, play_type="kickoff", down="0")], [], shipped.FOLDER))
        self.assertIn("–", text)
        self.assertNotIn("nan", text)

    def test_nobody_won_a_game_whose_list_breaks_off(self) -> None:
        told = self.judged(qtr="2")
        self.assertEqual((told["win"]["model"]["rows"], told["next_play"]["model"]["rows"]), (0, 1))

    def test_no_snap_at_all_is_said(self) -> None:
        path, text = table_of_plays(self.path, play_type="timeout", posteam="", down="0"), io.StringIO()
        with mock.patch("sys.argv", ["evaluate", "--plays", str(path)]), contextlib.redirect_stderr(text):
            self.assertEqual(evaluate.main(), 2)
        self.assertIn("there is no snap to judge", text.getvalue())


if __name__ == "__main__":
    unittest.main()
