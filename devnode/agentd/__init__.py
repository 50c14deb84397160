"""The agent of one module, node or cluster: takes tasks from Redis and runs the steps of actions.

A stand-in for the Go daemon of NS8: same keys, channels, environment, exit codes and error objects.
"""
