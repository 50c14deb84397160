"""Logged-in IMAP connections: capabilities, TLS and trust, SASL, many commands in flight."""
