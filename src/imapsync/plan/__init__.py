"""Compare two accounts and decide: folder mapping, identity, copy, flag and delete decisions. Pure."""
