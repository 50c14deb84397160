"""Accounts that are watched: who hears of new mail, and tells."""
