"""The one owner of a task: its fields, rules, files, schedule, state and the words the engine is called with.

Both sides of the module use it: the action steps on the node and `syncctl` in the container. It needs
nothing but the standard library; python-crontab and NS8's `agent` package are imported only by the few
functions that call them.
"""
