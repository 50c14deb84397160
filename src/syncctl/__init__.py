"""The container side of a task: lock, queue slot, run, stop, status, check."""
