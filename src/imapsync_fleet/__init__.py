"""Many accounts by one command: ``imapsync-fleet``. docs/fleet.md describes it.

Arrows go one way: command -> dispatch -> (queue, directory, local, cluster) -> job -> imapsync.
"""
