"""The README says what the code does."""

from .readme import README, written


def test_the_generated_parts_are_fresh() -> None:
    """`make readme` would change nothing."""
    readme = README.read_text(encoding="utf-8")
    assert written(readme) == readme


def test_the_two_commands_come_first() -> None:
    """Whoever opens it sees how to start before anything else."""
    first, second = README.read_text(encoding="utf-8").splitlines()[3:5]
    assert first.startswith("make demo")
    assert second.startswith("make test")
