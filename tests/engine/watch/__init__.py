"""Accounts that are watched."""
