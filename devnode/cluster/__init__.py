"""The actions of the cluster agent: add, update, remove, clone, restore and import modules, and the lists.

The steps in devnode/actions/cluster are one call each into this package.
"""
