"""One daemon thread with one event loop: everything that waits, waits there, so that no cell has to."""

import asyncio
import contextvars
import copy
import queue
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from vidgen_nb.errors import VidgenError

MOST_TOGETHER = 64  # pieces of work that wait for the disk as one: whoever reads meanwhile waits for all of them
PARTING = 2.0  # seconds which calls in other threads get to come to their end, when the loop has come to its own

P = ParamSpec("P")
T = TypeVar("T")


class BackgroundLoop:
    """An event loop in a daemon thread. `run` and `call` may be used from any thread, with a loop of its own or not."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_Daemons())
        self._thread = threading.Thread(target=self._main, name="vidgen_nb", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine and give its future. Cancelling or dropping the future does not stop the coroutine."""
        promise: Future[T] = Future()

        def start() -> None:
            # an empty context: what runs here belongs to no cell, or its messages would be tied to one that has ended
            task = self._loop.create_task(coroutine, context=contextvars.Context())
            task.add_done_callback(lambda done: _hand_over(done, promise))

        self._loop.call_soon_threadsafe(start)
        return promise

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the loop's thread, soon."""
        self._loop.call_soon_threadsafe(function, *args)

    @property
    def inside(self) -> bool:
        """Whether the caller runs in the loop's own thread, where waiting for it would wait for ever."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """Cancel what still runs and end the thread."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        if not self.inside:
            self._thread.join(timeout=10)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            for _ in range(3):  # a transport that is closed lets go of its socket a turn later
                self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


def _hand_over(done: "asyncio.Task[Any]", promise: "Future[Any]") -> None:
    """Give a task's outcome to its promise, unless whoever waited has stopped waiting."""
    if not promise.set_running_or_notify_cancel():
        if not done.cancelled():
            done.exception()  # retrieved, so that asyncio does not report it as forgotten
        return
    if done.cancelled():
        promise.set_exception(VidgenError("The Studio was closed.", hint="vg.resume() goes on, free."))
    elif (error := done.exception()) is not None:
        promise.set_exception(error)
    else:
        promise.set_result(done.result())


def result_of(future: "Future[T]", timeout: float | None = None) -> T:
    """The result of a future, for a cell that waits: an interrupt ends the wait, and nothing else.

    In a cell with a top-level `await` the kernel answers an interrupt by cancelling the cell's task, for which its loop
    would have to run; here we hold that loop's thread. So the interrupt is taken as Python's own meanwhile.
    """
    if threading.current_thread() is not threading.main_thread() or not _in_a_loop():
        return future.result(timeout)
    theirs = signal.getsignal(signal.SIGINT)
    if not callable(theirs):  # interrupts are ignored here, or not handled in Python
        return future.result(timeout)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return future.result(timeout)
    finally:
        signal.signal(signal.SIGINT, theirs)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Daemons(ThreadPoolExecutor):
    """What a loop has done elsewhere (asyncio.to_thread, names looked up): each call at once, in a daemon thread.

    The interpreter does not end before the threads of an ordinary executor do, however long a disk or a name server
    takes; and it lets nobody use one while it ends. This is one in name only: asyncio takes nothing else. A thread
    which is done takes the next call: starting one makes the loop wait for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._free = 0  # threads that have nothing to do
        self._all: list[threading.Thread] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def call() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._guard:
            self._calls.put(call)
            if self._free:
                self._free -= 1
            else:
                thread = threading.Thread(target=self._work, name="vidgen_nb-call", daemon=True)
                self._all.append(thread)
                thread.start()
        return future

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # what it worked on must not be kept until the next one comes
            with self._guard:
                self._free += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait a moment for what is under way; whatever takes longer is left to itself."""
        for _ in self._all:
            self._calls.put(None)
        patient_until = time.monotonic() + PARTING
        for thread in list(self._all) if wait else ():
            thread.join(timeout=max(0.0, patient_until - time.monotonic()))


class SerialThread:
    """Runs functions one after the other in a daemon thread, for a loop that must not wait for the disk.

    What has queued up by the time it gets there is done inside of one `together()`, and no result is given before that
    has come to its end: where it fails, all of it has failed.

    An executor refuses work while the interpreter shuts down, which is when a last outcome may still have to be kept.
    """

    def __init__(self, name: str, together: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self._together = together
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call `function(*args)` there and give its result, or raise its error, here."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._work.put(_Work(function, args, loop, future))
        return await future

    def put(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function(*args)` there and do not wait for it. What it raises is lost."""
        self._work.put(_Work(function, args))

    def stop(self) -> None:
        """End the thread after what was put in so far."""
        self._work.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=10)

    def _main(self) -> None:
        going = True
        while going:
            taken = [self._work.get()]
            with suppress(queue.Empty):
                while taken[-1] is not None and len(taken) < MOST_TOGETHER:
                    taken.append(self._work.get_nowait())
            going = taken[-1] is not None
            self._carry_out([work for work in taken if work is not None])

    def _carry_out(self, taken: "Sequence[_Work]") -> None:
        if not taken:
            return
        try:
            with self._together():
                for work in taken:
                    work.attempt()
        except BaseException as error:
            for work in taken:  # one for each: they are raised in different places
                work.result, work.error = None, copy.copy(error)
        for work in taken:
            work.hand_over()


@dataclass(slots=True, eq=False)
class _Work:
    """A function to be called in a SerialThread, what came of it, and who waits for that."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    loop: asyncio.AbstractEventLoop | None = None
    future: "asyncio.Future[Any] | None" = None
    result: Any = None
    error: BaseException | None = None

    def attempt(self) -> None:
        try:
            self.result = self.function(*self.args)
        except BaseException as error:
            self.error = error

    def hand_over(self) -> None:
        if self.loop is None:
            return
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits for the result
            self.loop.call_soon_threadsafe(_settle, self.future, self.result, self.error)


def _settle(future: "asyncio.Future[Any] | None", result: Any, error: BaseException | None) -> None:
    if future is None or future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
