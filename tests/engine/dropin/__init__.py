"""What scripts written for the original rely on.

Each test is named after what its user would see go wrong.
"""
