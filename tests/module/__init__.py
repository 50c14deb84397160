"""Tests of the NS8 module: imapsync_tasks, the action steps as processes, and syncctl."""
