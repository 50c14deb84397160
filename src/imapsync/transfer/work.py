"""What waits to be copied: folders cut into pieces, for one or several lanes, and what gave trouble."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from imapsync.plan.bodies import Sizes
from imapsync.transfer.copylist import WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imapsync.transfer.budget import Budget
    from imapsync.transfer.company import Company
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.throttle import Throttle

    Piece = tuple[FolderJob, list[int]]

#: A message above this is streamed; below the session's limit for bodies it hands over whole.
LARGE_BYTES = 512 * 1024
#: One FETCH, and with MULTIAPPEND one APPEND: beyond 100 messages servers gain little, and a batch that is
#: lost with its connection has to be looked for.
BATCH_MESSAGES = 250
BATCH_BYTES = 1024 * 1024
#: Among many runs, which have little memory each.
LEAST_BATCH_BYTES = 256 * 1024
#: By how much batches grow with each that arrives after a lost connection.
RECOVERY = 4


class Work:
    """The pieces of a run's copy lists, and what its lanes have to know of one another.

    throttle: the limits on speed, which all lanes keep together. batch_messages: how many messages go
    together, fewer after a lost connection. lanes: how many there are; they share the bounds on memory.
    left_bytes: what no lane has taken yet, by the sizes that were announced. sharing: whether several lanes
    may be at one folder. slowest_answer_s: the longest time that the destination took for an answer to an
    APPEND since the last loss of a connection. keywords_later: the destination refused messages for their
    keywords, so these are set when the messages are there. budget: what may be asked for before the run ends.
    company: the runs beside this one, which have their part of the memory.
    """

    def __init__(self, throttle: Throttle, budget: Budget, company: Company) -> None:
        self.batch_messages = BATCH_MESSAGES
        self.lanes = 1
        self.left_bytes = 0
        self.sharing = False
        self.slowest_answer_s = 0.0
        self.warned_of_dates = False
        self.keywords_later = False
        self.throttle = throttle
        self.budget = budget
        self.company = company
        self._untouched: deque[Iterator[Piece]] = deque()
        self._under_way: list[Iterator[Piece]] = []
        self._begun: set[int] = set()
        self._strikes: dict[tuple[int, int], int] = {}
        #: Folders whose UIDs turned out not to last: nothing more is asked for by them.
        self.set_aside: set[int] = set()
        #: Whether the source announces sizes exactly.
        self.sizes = Sizes()
        #: Rows whose body was looked at a second time and is what there is.
        self.measured: set[tuple[int, int]] = set()
        #: Bodies that have a stray line end behind them and are whole all the same.
        self.ends_are_odd = 0
        #: Rows that seem to be other messages than were compared, and folders in which that was an error.
        self.suspects: set[tuple[int, int]] = set()
        self.cleared: set[int] = set()

    def begin(self, jobs: list[FolderJob]) -> None:
        """Take up the open rows of some jobs."""
        self.set_aside.difference_update(job.position for job in jobs)
        self._untouched = deque(self._cut(job) for job in jobs if job.copying.left)
        self._under_way.clear()
        self._begun.clear()
        self.left_bytes = sum(job.copying.sizes[row] for job in jobs for row in job.copying.rows(WAITING))

    def recover(self) -> None:
        """Let batches grow again, because one has arrived: at once would be what the server did not bear."""
        self.batch_messages = min(BATCH_MESSAGES, self.batch_messages * RECOVERY)

    @property
    def whole(self) -> bool:
        """Whether batches have their full size and much may be in flight: no connection was just lost."""
        return self.batch_messages == BATCH_MESSAGES

    @property
    def untouched(self) -> int:
        """How many folders no lane has come to yet."""
        return len(self._untouched)

    def pieces(self, goes_on: Callable[[], bool]) -> Iterator[Piece]:
        """Give one lane what to copy: folder after folder, then, when sharing, parts of what others are at.

        So a folder keeps its order as long as there are others to be copied beside it. goes_on: whether the
        lane takes further folders; the one it has begun is its own to the end, for no other may come to it.
        """
        while self._untouched and goes_on():
            folder = self._untouched.popleft()
            self._under_way.append(folder)
            yield from folder
        while self.sharing and self._under_way and goes_on():
            piece = next(self._under_way[0], None)
            if piece is None:
                self._under_way.pop(0)
            else:
                yield piece

    def is_first(self, job: FolderJob) -> bool:
        """Tell, once, that nothing of this folder was forwarded before."""
        first = job.position not in self._begun
        self._begun.add(job.position)
        return first

    def strike(self, job: FolderJob, row: int) -> None:
        """Count one more failure that this message may have caused."""
        self._strikes[job.position, row] = self.strikes(job, row) + 1

    def strikes(self, job: FolderJob, row: int) -> int:
        """Give how often a message was refused, passed over, or alone when a connection was lost."""
        return self._strikes.get((job.position, row), 0)

    @property
    def _batch_bytes(self) -> int:
        """How many bytes go together now."""
        return self.budget.within(max(LEAST_BATCH_BYTES, self.company.part(BATCH_BYTES)))

    @property
    def _most(self) -> int:
        """How many messages may go together now."""
        most = 1 if self.throttle.active else self.throttle.most_messages
        return self.batch_messages if most is None else min(most, self.batch_messages)

    def _cut(self, job: FolderJob) -> Iterator[Piece]:
        """Cut the open rows of a job into batches; a large message is a batch of its own."""
        rows: list[int] = []
        size_bytes = 0
        for row, size in enumerate(job.copying.sizes):
            if job.copying.states[row] != WAITING:
                continue
            full = size_bytes + size > self._batch_bytes
            if rows and (size > LARGE_BYTES or len(rows) >= self._most or full):
                yield self._take(job, rows, size_bytes)
                rows, size_bytes = [], 0
            rows.append(row)
            size_bytes += size
            if size > LARGE_BYTES:
                yield self._take(job, rows, size_bytes)
                rows, size_bytes = [], 0
        if rows:
            yield self._take(job, rows, size_bytes)

    def _take(self, job: FolderJob, rows: list[int], size_bytes: int) -> Piece:
        self.left_bytes -= size_bytes
        self.budget.take(size_bytes)
        return job, rows
