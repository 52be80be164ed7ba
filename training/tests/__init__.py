"""What must hold of features, labels, metrics and commands. Numpy and ONNX Runtime are enough, but for `test_nets`."""
