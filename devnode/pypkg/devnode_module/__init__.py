"""The core's part of a module's actions on this stand-in: images, state transfer, backup, status.

The steps in devnode/actions/module are one call each into this package; it runs in the modules' Python
environment.
"""
