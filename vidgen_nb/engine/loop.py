"""One daemon thread with one event loop: everything that waits, waits there, so that no cell has to."""

import asyncio
import contextvars
import queue
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from vidgen_nb.errors import VidgenError

T = TypeVar("T")


class BackgroundLoop:
    """An event loop in a daemon thread. `run` and `call` may be used from any thread, with a loop of its own or not."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
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


class SerialThread:
    """Runs functions one after the other in a daemon thread, for a loop that must not wait for the disk.

    An executor refuses work while the interpreter shuts down, which is when a last outcome may still have to be kept.
    """

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call `function(*args)` there and give its result, or raise its error, here."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            result, failed = None, None
            try:
                result = function(*args)
            except BaseException as error:
                failed = error
            with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits for the result
                loop.call_soon_threadsafe(_settle, future, result, failed)

        self._work.put(work)
        return await future

    def stop(self) -> None:
        """End the thread after what was put in so far."""
        self._work.put(None)
        self._thread.join(timeout=10)

    def _main(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def _settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
