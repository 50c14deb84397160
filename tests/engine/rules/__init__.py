"""Nothing is lost, doubled or deleted without right: the engine from outside, while both accounts change."""
