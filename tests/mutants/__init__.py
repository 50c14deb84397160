"""Do the tests notice when a rule is broken? One thing in the code is changed at a time."""
