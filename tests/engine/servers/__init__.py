"""The engine against the other servers people have: Dovecot 2.4, Cyrus, Courier."""
