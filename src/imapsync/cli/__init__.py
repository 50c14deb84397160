"""The compatible command line: options, Perl-style regexes, passwords, exit codes, main."""
