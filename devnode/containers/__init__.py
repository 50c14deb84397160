"""Containers beside the stand-in's control plane: the Mail module's and the remote accounts' Dovecot."""
