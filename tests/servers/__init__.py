"""Real and scripted IMAP servers for tests and benchmarks; see base.ImapServer for what they share."""
