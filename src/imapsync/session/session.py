"""A logged-in IMAP session: typed commands, many in flight.

Every command method sends at once and gives a Pending; await it for the answer. Several in flight:

    pending = [session.status(name, STATUS_ITEMS) for name in names]
    statuses = [await answer for answer in pending]

Refusals raise CommandRefused from the await; a lost connection raises ConnectionFailed from every await.
"""
