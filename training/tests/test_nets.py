"""Networks in training: parts of a batch, checkpoints. Takes PyTorch, which judging does not."""

import contextlib
import dataclasses
import importlib.util
import io
import tempfile
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

import numpy as np

if importlib.util.find_spec("torch"):
    import torch

    from scorewire_training import bin_nets, nets


@unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not here: `training/train` makes an environment with it")
class Networks(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.checkpoint = Path(folder.name) / "member.pt"
        self.recipe = nets.Recipe(hidden=(6, 5), dropout=0.0, epochs=4, batch=16)
        self.run_on = nets.Run(torch.device("cpu"))

    def rows(self, seed: int, count: int = 50) -> Any:
        """Made-up rows of five inputs and three classes."""
        draw = np.random.default_rng(seed)
        return nets.Rows.of(draw.normal(size=(count, 5)), np.eye(3)[draw.integers(3, size=count)], draw.random(count), self.run_on.on)

    def train(self, run: Any, recipe: Any = None, learn: Any = None) -> tuple[Any, str]:
        """A member, and what was said."""
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            net = nets.train(recipe or self.recipe, learn or self.rows(1), self.rows(2), self.checkpoint, run)
        return nets.weights(net), text.getvalue()

    def assert_same(self, one: Any, other: Any) -> None:
        """Weights."""
        for (weight, bias), (others, bias_others) in zip(one, other, strict=True):
            np.testing.assert_array_equal(weight, others)
            np.testing.assert_array_equal(bias, bias_others)

    def test_parts_of_a_batch_have_its_gradient(self) -> None:
        rows, places = self.rows(3), torch.arange(50)
        gradients = []
        for parts in (1, 4, 7):
            torch.manual_seed(1)
            net = nets.member(5, self.recipe, 3)
            for part in nets.parts_of_loss(net, rows, places, parts):
                part().backward()
            gradients.append([parameter.grad.numpy() for parameter in net.parameters()])
        for others in gradients[1:]:
            for one, other in zip(gradients[0], others, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-6)

    def test_parts_of_a_batch_of_distributions_have_its_gradient(self) -> None:
        draw = np.random.default_rng(4)
        inputs = torch.tensor(draw.normal(size=(30, 5)), dtype=torch.float32)
        labels = torch.tensor(np.where(draw.random((30, 2)) < 0.3, np.nan, 20 * draw.random((30, 2))), dtype=torch.float32)
        recipe = bin_nets.Recipe(hidden=(6, 5), epochs=1, dropout=0.0)
        weights = []
        for parts in (1, 4):
            torch.manual_seed(1)
            trainer = nets.Trainer(bin_nets.member(5, recipe, 2), 1e-3, 0.0, 10, 0.2, self.run_on.on)
            bin_nets.step(trainer, inputs, labels, parts)
            weights.append([parameter.grad.numpy() for parameter in trainer.net.parameters()])
        for one, other in zip(*weights, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)

    def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(self) -> None:
        whole, _ = self.train(self.run_on)
        kept = self.checkpoint.read_bytes()
        resumed, said = self.train(nets.Run(self.run_on.on, resume=True))
        self.assertIn("goes on after epoch 4", said)
        self.assert_same(whole, resumed)
        self.assertEqual(kept, self.checkpoint.read_bytes())
        self.assertEqual([self.checkpoint], list(self.checkpoint.parent.iterdir()))

    def test_a_checkpoint_of_the_middle_goes_on_to_the_same_weights(self) -> None:
        whole, _ = self.train(self.run_on)
        self.checkpoint.unlink()
        with stopped_after(2):
            self.assertRaises(KeyboardInterrupt, self.train, self.run_on)
        resumed, said = self.train(nets.Run(self.run_on.on, resume=True))
        self.assertIn("goes on after epoch 2", said)
        self.assert_same(whole, resumed)

    def test_a_checkpoint_of_other_rows_or_settings_or_a_damaged_one_is_not_taken(self) -> None:
        resume = nets.Run(self.run_on.on, resume=True)
        wanted, _ = self.train(self.run_on)
        others = {
            "rows": lambda: self.train(self.run_on, learn=self.rows(9)),
            "settings": lambda: self.train(self.run_on, recipe=dataclasses.replace(self.recipe, decay=0.5)),
            "damage": lambda: self.checkpoint.write_bytes(self.checkpoint.read_bytes()[:100]),
        }
        for what, leave in others.items():
            leave()
            found, said = self.train(resume)
            self.assertIn("begins anew", said, what)
            self.assert_same(wanted, found)

    def test_a_checkpoint_of_another_kind_of_device_is_not_taken(self) -> None:
        def resumed(on: Any) -> tuple[Any, str]:
            trainer, text = nets.Trainer(nets.member(5, self.recipe, 3), 1e-3, 0.0, 10, 0.2, self.run_on.on), io.StringIO()
            # A device that is everywhere stands for the GPU.
            trainer.on = on
            with contextlib.redirect_stdout(text):
                return trainer.resume(self.checkpoint, "settings"), text.getvalue()

        nets.Trainer(nets.member(5, self.recipe, 3), 1e-3, 0.0, 10, 0.2, self.run_on.on).save(self.checkpoint, "settings", {})
        self.assertIn("goes on", resumed(self.run_on.on)[1])
        taken, said = resumed(torch.device("meta"))
        self.assertIsNone(taken)
        self.assertIn("another device: begins anew", said)


def stopped_after(epochs: int) -> Any:
    """Ends a run as Ctrl-C does, once so many epochs are written."""
    save = nets.Trainer.save

    def stopping(trainer: Any, *arguments: Any) -> None:
        save(trainer, *arguments)
        if trainer.epoch == epochs:
            raise KeyboardInterrupt

    return unittest.mock.patch.object(nets.Trainer, "save", stopping)


if __name__ == "__main__":
    unittest.main()
