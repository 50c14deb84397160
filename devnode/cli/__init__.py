"""The command line tools of a node (ns8-contract §7)."""
