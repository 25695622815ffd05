"""How are tasks spread over workers? One function over any executor of `concurrent.futures`, local or far away.

A worker that dies in mid-run takes its whole pool along. Its lease tells which network it was at, and only that one
loses a try; what had not begun is handed out again for nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait

from barberlab.runs import lease, work
from barberlab.runs.task import Outcome, Task


def spread(tasks: Iterable[Task], executor: Executor) -> Iterator[tuple[str, list[Outcome]]]:
    """Each network with its outcomes as soon as they are known. Whoever stops listening cancels what has not begun."""
    deaths: Counter[str] = Counter()
    waiting = {executor.submit(work.run, task): task for task in tasks}
    try:
        while waiting:
            lost = []
            for future in _ended(waiting):
                task, error = waiting.pop(future), _error(future)
                if isinstance(error, BrokenExecutor):
                    lost.append(task)
                else:
                    yield (
                        task.network,
                        future.result() if error is None else work.not_run(task, "failed", work.said(error)),
                    )
            for task in _bereaved(lost, deaths):
                if deaths[task.network] > task.limits.retries:
                    yield task.network, work.not_run(task, "failed", "the process that ran it died, each time")
                else:
                    waiting[executor.submit(work.run, task)] = task
    finally:
        for future in waiting:
            future.cancel()


def _ended(waiting: dict[Future, Task]) -> set[Future]:
    """What has ended, at least one; all of them where the executor broke, since it will end nothing more."""
    ended = wait(waiting, return_when=FIRST_COMPLETED).done
    return wait(waiting).done if any(isinstance(_error(future), BrokenExecutor) for future in ended) else ended


def _error(future: Future) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _bereaved(lost: list[Task], deaths: Counter[str]) -> list[Task]:
    """`lost` itself, a death counted for each that a worker was at; for all of them, if none had come so far."""
    died = [task for task in lost if lease.left_by(task.home.leased, task.batch)]
    deaths.update(task.network for task in died or lost)
    return lost
