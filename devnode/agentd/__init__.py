"""The agent of one module, node or cluster: takes tasks from Redis and runs the steps of actions (ns8-contract §2, §3).

A stand-in for the Go daemon of NS8: same keys, channels, environment, exit codes and error objects.
"""
