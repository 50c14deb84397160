"""Side-by-side benchmarks: our engine, mbsync, doveadm, offlineimap3 and others, checked by message."""
