"""The screenshots show every state, and every view."""

import ast

import pytest

import vidgen_nb as vg
from tests.browser import scenes, stage
from vidgen_nb.records import Status


def test_every_status_is_in_a_picture() -> None:
    """Each status has a living and a saved card among the scenes."""
    for kind, show in (("card", "living"), ("saved card", "saved")):
        shown = {stage.CASES[name].status for name in stage.CASES if f"{kind}, {name}" in scenes.SCENES}
        assert shown == set(Status)
        assert all(scenes.SCENES[f"{kind}, {name}"] == f"stage.{show}({name!r})" for name in stage.CASES)


@pytest.mark.parametrize("name", scenes.SCENES)
def test_every_cell_can_run(name: str) -> None:
    """Each scene is Python, and calls what there is on the stage or in the package."""
    for node in ast.walk(ast.parse(scenes.SCENES[name])):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert hasattr({"stage": stage, "vg": vg}[node.value.id], node.attr)


def test_pictures_have_names_of_their_own() -> None:
    """No scene overwrites the picture of another."""
    assert len({scenes.picture_of(name) for name in scenes.SCENES}) == len(scenes.SCENES)
