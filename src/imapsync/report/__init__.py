"""What a run did: events, counters, the text log, the JSON report, live progress."""
