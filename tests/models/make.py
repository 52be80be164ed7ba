#!/usr/bin/env python3
"""Writes the models that tests load: good ones, and one for each way to be refused.

    python3 -m pip install onnx==1.23.2 numpy
    python3 tests/models/make.py

Seeded: the same versions write the same bytes. What the good models answer is worked out by onnx's reference
evaluator, which neither backend has any part in.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

FEATURES = 8
HIDDEN = 12
HERE = pathlib.Path(__file__).parent


def save(name, nodes, outputs, weights, opset=17, features=FEATURES, rows="N"):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [rows, features])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [rows, width]) for output, width in outputs],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    # Version 8 of the format is what ONNX Runtime 1.17 reads, too.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 20 else 9)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    (HERE / f"{name}.onnx").write_bytes(data)
    return data


def dense(rng, into, out):
    return (rng.standard_normal((into, out)) / np.sqrt(into)).astype(np.float32)


def network(rng, gelu, features=FEATURES, kinds=5):
    """What a trained network is made of: layers, norms, the usual activations, two heads."""
    weights = {
        "w1": dense(rng, features, HIDDEN),
        "b1": dense(rng, 1, HIDDEN)[0],
        "scale": np.linspace(0.5, 1.5, HIDDEN, dtype=np.float32),
        "shift": np.linspace(-0.1, 0.1, HIDDEN, dtype=np.float32),
        "w2": dense(rng, 2 * HIDDEN, HIDDEN),
        "b2": dense(rng, 1, HIDDEN)[0],
        "w_kinds": dense(rng, HIDDEN, kinds),
        "b_kinds": dense(rng, 1, kinds)[0],
        "w_pass": dense(rng, HIDDEN, 1),
        "b_pass": dense(rng, 1, 1)[0],
    }
    nodes = [
        helper.make_node("Gemm", ["features", "w1", "b1"], ["h1"]),
        helper.make_node("LayerNormalization", ["h1", "scale", "shift"], ["n1"], axis=-1),
        helper.make_node("Relu", ["n1"], ["r1"]),
        helper.make_node("Concat", ["r1", "h1"], ["c1"], axis=1),
        helper.make_node("Gemm", ["c1", "w2", "b2"], ["h2"]),
    ]
    if gelu == "one node":
        nodes.append(helper.make_node("Gelu", ["h2"], ["g2"]))
    else:
        weights |= {name: np.array(value, np.float32) for name, value in [("half", 0.5), ("one", 1.0), ("root", np.sqrt(2))]}
        nodes += [
            helper.make_node("Div", ["h2", "root"], ["e1"]),
            helper.make_node("Erf", ["e1"], ["e2"]),
            helper.make_node("Add", ["e2", "one"], ["e3"]),
            helper.make_node("Mul", ["h2", "e3"], ["e4"]),
            helper.make_node("Mul", ["e4", "half"], ["g2"]),
        ]
    nodes += [
        helper.make_node("Gemm", ["g2", "w_kinds", "b_kinds"], ["l1"]),
        helper.make_node("Softmax", ["l1"], ["kinds"], axis=1),
        helper.make_node("Gemm", ["g2", "w_pass", "b_pass"], ["l2"]),
        helper.make_node("Sigmoid", ["l2"], ["pass"]),
    ]
    return nodes, weights


def main():
    rng = np.random.default_rng(20260101)
    rows = rng.standard_normal((21, FEATURES)).astype(np.float32)
    outputs = [("kinds", 5), ("pass", 1)]
    answers = {"rows": rows.ravel().tolist()}
    for name, gelu, opset in [("good", "spelled out", 17), ("opset20", "one node", 20)]:
        nodes, weights = network(rng, gelu)
        data = save(name, nodes, outputs, weights, opset)
        kinds, passes = ReferenceEvaluator(onnx.load_from_string(data)).run(None, {"features": rows})
        answers[name] = {"kinds": kinds.ravel().tolist(), "pass": passes.ravel().tolist()}
        if name == "good":
            (HERE / "cut.onnx").write_bytes(data[: len(data) // 2])
            save("one_row", nodes, outputs, weights, rows=1)
    (HERE / "answers.json").write_text(json.dumps(answers) + "\n")

    nodes, weights = network(rng, "spelled out", features=FEATURES - 1)
    save("seven_features", nodes, outputs, weights, features=FEATURES - 1)
    nodes, weights = network(rng, "spelled out", kinds=4)
    save("four_kinds", nodes, [("kinds", 4), ("pass", 1)], weights)
    save("no_pass", nodes[:-2], [("kinds", 4)], {k: v for k, v in weights.items() if not k.endswith("_pass")})
    minus_one = {"minus_one": np.array(-1, np.float32), "w": np.ones((FEATURES, 1), np.float32)}
    summed = helper.make_node("MatMul", ["features", "w"], ["sum"])
    # The logarithm of the features' sum: no number for zeros.
    save("nan", [summed, helper.make_node("Add", ["sum", "minus_one"], ["x"]), helper.make_node("Log", ["x"], ["pass"])], [("pass", 1)], minus_one)
    # The root of it: 0 for zeros, no number where it is below.
    save("late_nan", [summed, helper.make_node("Sqrt", ["sum"], ["pass"])], [("pass", 1)], {"w": minus_one["w"]})
    # Probabilities for zeros, no numbers where the features' sum is above.
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["sums"]),
        helper.make_node("Sqrt", ["sums"], ["roots"]),
        helper.make_node("Softmax", ["roots"], ["kinds"], axis=1),
    ]
    save("late_nan_kinds", nodes, [("kinds", 5)], {"w": np.full((FEATURES, 5), -1, np.float32)})
    # The sum is looked up in a table of two: tract panics where it is not in it.
    nodes = [
        summed,
        helper.make_node("Cast", ["sum"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["pass"], axis=0),
    ]
    save("late_panic", nodes, [("pass", 1)], {"w": minus_one["w"], "table": np.array([0.25, 0.75], np.float32)})


main()
