"""Bytes and IMAP: framing, lexer, parser, command encoder, modified UTF-7, sets. No I/O, no clock."""
