"""The one user of nest-asyncio, and only where somebody asks for it."""

import warnings


def allow_nested_loops() -> None:
    """Let `asyncio.run(…)` and `loop.run_until_complete(…)` be called inside a running loop, as in a notebook cell.

    vidgen_nb itself never needs it: `clip.wait()` and `await clip` work everywhere. It is for your own code that calls
    `asyncio.run()` in a cell. Measured: it changes asyncio for the whole process and cannot be undone; on ipykernel 7
    clicks on widgets which arrive while a nested loop runs are lost; on Python 3.13 uvloop breaks.
    """
    import nest_asyncio

    warnings.warn(
        "allow_nested_loops() changes asyncio for this whole process and cannot be undone; widget clicks that arrive "
        "while a nested loop runs may be lost. clip.wait() and `await clip` work without it.",
        stacklevel=2,
    )
    nest_asyncio.apply()
