"""Models of what happens next in a football game: from tables of plays to ONNX files and their cards.

What each module owns:

plays         tables of plays, as games
expectation   how often a situation is answered with a dropback, whoever plays
history       what teams did in earlier games
features      what a model is told of a coming snap; the server computes the same
labels        what happened
nets          networks: training, checkpoints, export
shipped       the models that ship: manifests, ONNX files
metrics       accuracy, log loss, Brier, AUC, calibration, accuracy at coverage
"""
