"""The command line tools of a node."""
