"""An ensemble as an ONNX file: inputs are standardised, members run side by side, probabilities are averaged.

Written node by node, with nothing but Sub, Mul, Clip, Gemm, Relu, Softmax, Add: every engine runs these, and the same
weights always give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import __name__ as package

CLIP = 8.0
"""Standard deviations beyond which an input counts as that far out."""
OPSET = 17
IR_VERSION = 8

Layers = list[tuple[np.ndarray, np.ndarray]]


def standardise(rows: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What the file does first, for training."""
    return np.clip((rows - mean) * scale, -CLIP, CLIP)


def save(path: Path, name: str, members: list[Layers], mean: np.ndarray, scale: np.ndarray) -> None:
    """Writes `features` [N, F] -> `probabilities` [N, K]."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(label: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), label))
        return label

    def node(kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    centred = node("Sub", ["features", constant("mean", mean)], "centred")
    scaled = node("Mul", [centred, constant("scale", scale)], "scaled")
    standard = node("Clip", [scaled, constant("low", np.float32(-CLIP)), constant("high", np.float32(CLIP))], "standard")
    total = ""
    for m, layers in enumerate(members):
        value = standard
        for i, (weight, bias) in enumerate(layers):
            inputs = [value, constant(f"w{m}_{i}", weight), constant(f"b{m}_{i}", bias)]
            value = node("Gemm", inputs, f"linear{m}_{i}", transB=1)
            if i + 1 < len(layers):
                value = node("Relu", [value], f"relu{m}_{i}")
        value = node("Softmax", [value], f"softmax{m}", axis=1)
        total = node("Add", [total, value], f"sum{m}") if total else value
    node("Mul", [total, constant("share", np.float32(1 / len(members)))], "probabilities")
    inputs, outputs = len(mean), len(members[0][-1][1])
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", inputs])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", outputs])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name=package)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
