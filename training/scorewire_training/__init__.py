"""Models of what happens next in a football game: from tables of plays to ONNX files and their cards.

What each module owns:

tables        reading tables, and what is wrong with them
plays         tables of plays, as games
expectation   how often a situation is answered with a dropback, whoever plays
clubs         which letters stand for one club
history       what teams did in earlier games
features      what a model is told of a coming snap; the server computes the same
labels        what happened
nets          networks: training, checkpoints, devices
onnx_file     their ONNX files
shipped       the models that ship: manifests, ONNX files
metrics       accuracy, log loss, Brier, AUC, calibration, accuracy at coverage
evaluate, card, drift, rival, golden: a command each; notes: what a card says in words, and its latencies
points        players' quarters, rulesets, and what a model is told of a player in a game
season        the same of a player and a team between weeks
bins          distributions over points, and what is read off them; bin_nets, bin_file: their networks and ONNX files
players       epochs of those; players_train, players_evaluate, players_card, players_golden: their part of each command
"""
