"""An ensemble of distributions over bins as an ONNX file that answers with median, low and high.

Inputs are standardised, members run side by side, their distributions are averaged, and the quantiles are read off as
`bins.answer` does. Written node by node, as `onnx_file` does; the same weights always give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import __name__ as package
from . import bin_nets, bins, onnx_file


class _Graph:
    """Nodes and constants, in their order."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, label: str, value: np.ndarray | float) -> str:
        """A constant in single precision."""
        if label not in [known.name for known in self.constants]:
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), label))
        return label

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """A node of one output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def clip(self, value: str, low: float, high: float, output: str) -> str:
        """Clips to constants."""
        return self.node("Clip", [value, self.constant(f"{low:g}", low), self.constant(f"{high:g}", high)], output)


def _layer(graph: _Graph, value: str, weight: np.ndarray, bias: np.ndarray, label: str) -> str:
    inputs = [value, graph.constant(f"{label}_w", weight), graph.constant(f"{label}_b", bias)]
    return graph.node("Gemm", inputs, label, transB=1)


def _member(graph: _Graph, layers: onnx_file.Layers, m: int) -> str:
    """Up to the last layer: linear, SiLU."""
    value = "standard"
    for i, (weight, bias) in enumerate(layers[:-1]):
        linear = _layer(graph, value, weight, bias, f"linear{m}_{i}")
        value = graph.node("Mul", [linear, graph.node("Sigmoid", [linear], f"sigmoid{m}_{i}")], f"silu{m}_{i}")
    return value


def _mass(graph: _Graph, members: list[onnx_file.Layers], inner: list[str], head: int) -> str:
    """A head's averaged distribution `[N, BINS]`."""
    own = slice(head * bins.BINS, (head + 1) * bins.BINS)
    total = ""
    for m, (layers, value) in enumerate(zip(members, inner)):
        weight, bias = layers[-1]
        logits = _layer(graph, value, weight[own], bias[own], f"logits{m}_{head}")
        mass = graph.node("Softmax", [logits], f"softmax{m}_{head}", axis=1)
        total = graph.node("Add", [total, mass], f"sum{m}_{head}") if total else mass
    return graph.node("Mul", [total, graph.constant("share", 1 / len(members))], f"mass_{head}")


def _quantile(graph: _Graph, head: int, level: str, label: str) -> str:
    """Points `[N, 1]` at a level, less the first edge. As `bins.at_level`."""
    short = graph.node("Sub", [level, f"below_{head}"], f"{label}_short")
    part = graph.node("Div", [short, f"safe_{head}"], f"{label}_part")
    inside = graph.clip(part, 0, 1, f"{label}_inside")
    return graph.node("MatMul", [inside, graph.constant("widths", bins.WIDTHS[:, None])], label)


def _answer(graph: _Graph, head: int, mass: str, span: str) -> list[str]:
    """Median, low and high `[N, 1]` each. As `bins.answer`."""
    before = np.triu(np.ones((bins.BINS, bins.BINS)), 1)
    graph.node("MatMul", [mass, graph.constant("before", before)], f"below_{head}")
    graph.node("Add", [mass, graph.constant("tiny", bins.TINY)], f"safe_{head}")
    minus = graph.node("Mul", [span, graph.constant("minus_half", -0.5)], f"minus_{head}")
    low = graph.node("Add", [minus, graph.constant("half", 0.5)], f"low_{head}")
    atom = bins.ATOM_BIN
    under = graph.node("MatMul", [mass, graph.constant("under_atom", before[:, atom : atom + 1])], f"under_{head}")
    upto = graph.node("MatMul", [mass, graph.constant("upto_atom", before[:, atom + 1 : atom + 2])], f"upto_{head}")
    past = graph.node("Sub", [upto, low], f"past_{head}")
    steep = graph.node("Mul", [past, graph.constant("ramp", bins.ATOM_RAMP)], f"steep_{head}")
    on_atom = graph.clip(steep, 0, 1, f"on_atom_{head}")
    inside = graph.node("Relu", [graph.node("Sub", [low, under], f"into_{head}")], f"inside_{head}")
    outside = graph.node("Sub", [low, graph.node("Mul", [on_atom, inside], f"kept_{head}")], f"outside_{head}")
    high = graph.clip(graph.node("Add", [outside, span], f"end_{head}"), 0, bins.HIGH_MAX, f"high_{head}")
    levels = {"median": "half", "low": low, "high": high}
    return [_quantile(graph, head, level, f"{name}_points_{head}") for name, level in levels.items()]


def save(path: Path, name: str, output: str, members: list[onnx_file.Layers], scaling: bin_nets.Scaling, spans: np.ndarray) -> None:
    """Writes `features` [N, F] -> `output` [N, 3 * heads], points.

    `spans` `[F + 1, heads]`: the interval's mass as a weight of each feature as it is, and a constant.
    """
    graph = _Graph()
    centred = graph.node("Sub", ["features", graph.constant("mean", scaling.mean)], "centred")
    scaled = graph.node("Mul", [centred, graph.constant("scale", scaling.scale)], "scaled")
    graph.clip(scaled, -bin_nets.CLIP, bin_nets.CLIP, "standard")
    inner = [_member(graph, layers, m) for m, layers in enumerate(members)]
    answers = []
    for head in range(spans.shape[1]):
        span = _layer(graph, "features", spans[None, :-1, head], spans[-1:, head], f"span_{head}")
        answers += _answer(graph, head, _mass(graph, members, inner, head), span)
    above = graph.node("Concat", answers, "above_first_edge", axis=1)
    graph.node("Add", [above, graph.constant("first_edge", bins.EDGES[0])], output)
    path.write_bytes(_model(graph, name, output, len(scaling.mean), len(answers)))


def _model(graph: _Graph, name: str, output: str, inputs: int, outputs: int) -> bytes:
    ends = [("features", inputs), (output, outputs)]
    read, written = (helper.make_tensor_value_info(end, TensorProto.FLOAT, ["N", width]) for end, width in ends)
    proto = helper.make_graph(graph.nodes, name, [read], [written], graph.constants)
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", onnx_file.OPSET)], producer_name=package)
    model.ir_version = onnx_file.IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
