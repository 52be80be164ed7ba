"""What must hold of features, labels, metrics and commands. No network is run: numpy alone."""
