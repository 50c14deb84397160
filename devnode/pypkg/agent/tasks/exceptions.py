"""Errors of task submission; a task that runs and fails is no error, its exit code tells."""

from __future__ import annotations


class TaskError(Exception):
    """Base of all errors here."""


class TaskSubmissionCheckFailed(TaskError):  # noqa: N818 - a node's name
    """The agent is not connected to Redis (Redis client only)."""


class TaskRetryAbort(TaskError):  # noqa: N818 - a node's name
    """The API server kept failing until the retries were used up."""
