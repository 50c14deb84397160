"""The one owner of a task: its fields, rules, files, schedule."""
