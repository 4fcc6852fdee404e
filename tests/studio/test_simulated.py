"""The main job without a key: over real HTTP, to a real file, with every name a person types."""

import inspect
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.records import Status

ASKED = {"provider": "relaydance", "model": "doubao-seedance-2-0-fast-260128", "resolution": "480p", "duration": 4}


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[vg.Studio]:
    monkeypatch.setenv("VIDGEN_SIMULATE_SPEED", "40")
    with vg.Studio(simulate=True) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "sound"), [("16:9", True), ("9:16", False), ("1:1", None)])
def test_the_clip_is_as_asked(studio: vg.Studio, ratio: str, sound: bool | None) -> None:
    """PyAV reads the file anew: length, shape and sound are what was asked for."""
    clip = studio.generate("a paper boat", aspect_ratio=ratio, generate_audio=sound, **ASKED).wait(60)
    assert clip.path is not None
    with av.open(str(clip.path)) as container:
        video = container.streams.video[0].codec_context
        wide, high = (int(part) for part in ratio.split(":"))
        assert container.duration / av.time_base == pytest.approx(4, abs=0.1)
        assert video.width / video.height == pytest.approx(wide / high, rel=0.02)
        assert min(video.width, video.height) == pytest.approx(480, abs=4)
        assert bool(container.streams.audio) is (sound is not False)
    assert clip.id.startswith("sim-")
    assert str(clip.cost) == "0, simulated"


@pytest.mark.slow
def test_one_clip_leads_to_the_next(studio: vg.Studio) -> None:
    """The last frame of an earlier clip opens the new one; the retake remembers its parent."""
    first = studio.generate("a paper boat", **ASKED).wait(60)
    second = studio.generate("under a bridge", first_frame=first, **ASKED).wait(60)
    assert first.video is not None
    assert second.video is not None
    before, after = (frame.resize((32, 18)).convert("L") for frame in (first.video.last_frame, second.video.frame(0)))
    apart = [abs(a - b) for a, b in zip(before.tobytes(), after.tobytes(), strict=True)]
    assert sum(apart) / len(apart) < 25
    assert second.request["first_frame"]["clip"] == first.id
    retake = second.retake(seed=7)
    assert retake.parent == second
    assert retake.wait(60).request["first_frame"] == second.request["first_frame"]


def test_the_prompt_can_ask_for_a_failure(studio: vg.Studio) -> None:
    """Failures can be tried out: the error quotes the provider, and its hint says what to do."""
    clip = studio.generate("a boat (simulate fail=moderation)", **ASKED)
    with pytest.raises(vg.ModerationRejected) as raised:
        clip.wait(30)
    assert raised.value.said
    assert raised.value.generation is clip
    assert "Change the wording" in raised.value.hint


LEFT = """
    import sys
    import vidgen_nb as vg
    clip = vg.setup(simulate=True).generate("a boat (simulate seconds=1)", **{asked!r})
    print(clip.id, clip.task_id, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
def test_resume_after_a_killed_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel and its simulator are killed; a new one finds the task again and brings the clip home."""
    monkeypatch.setenv("VIDGEN_SIMULATE_SPEED", "1")
    code = textwrap.dedent(LEFT).format(asked=ASKED)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        id, task_id = process.stdout.readline().split()
        process.send_signal(signal.SIGKILL)
    with vg.Studio(simulate=True) as studio:
        (clip,) = studio.resume()
        assert (clip.id, clip.task_id) == (id, task_id)
        assert clip.wait(60).status is Status.SUCCEEDED


def test_a_plan_sends_nothing(studio: vg.Studio) -> None:
    """The exact body, the defaults, and the clip once it exists."""
    plan = studio.plan("a boat", **ASKED)
    assert plan.method == "POST"
    assert plan.body == {
        "model": "doubao-seedance-2-0-fast-260128",
        "prompt": "a boat",
        "seconds": "4",
        "metadata": {"resolution": "480p"},
    }
    assert plan.existing is None
    assert "aspect_ratio" in plan.defaults
    clip = studio.generate("a boat", **ASKED)
    assert studio.plan("a boat", **ASKED).existing is clip
    assert "a boat" in str(plan)


def test_a_provider_has_its_own_functions(studio: vg.Studio) -> None:
    """Signature and documentation are the provider's own parameters; its documented names work too."""
    generate = studio.relaydance.generate
    names = inspect.signature(generate).parameters
    assert list(names)[:2] == ["prompt", "model"]
    assert {"duration", "aspect_ratio", "callback_url", "take", "extra", "check"} <= set(names)
    assert "negative_prompt" not in names
    assert "(also: seconds)" in (generate.__doc__ or "")
    plan = studio.relaydance.plan("a boat", seconds="5", ratio="1:1")
    assert plan.body["metadata"] == {"ratio": "1:1"}


@pytest.mark.parametrize("what", ["generate", "plan", "sweep"])
@pytest.mark.parametrize("name", providers.BUILT_IN)
def test_help_explains_what_can_be_given(name: str, what: str, studio: vg.Studio) -> None:
    """Each parameter of a provider's function is in its docstring and the other way round; no type is one of ours."""
    function = getattr(getattr(studio, name), what)
    signature = inspect.signature(function)
    explained = re.findall(r"^    (\w+): \S", function.__doc__ or "", re.MULTILINE)
    assert explained == list(signature.parameters)
    assert "vidgen_nb" not in re.sub(r"->.*", "", str(signature))


def test_the_catalogue(studio: vg.Studio) -> None:
    """Every row has a source and a date; live asks the provider."""
    models = studio.models("relaydance")
    assert all(model.source and model.checked for model in models)
    assert sum(model.default for model in models) == 1
    assert {model.name for model in studio.models("relaydance", live=True)} <= {model.name for model in models}


def test_the_list_of_providers_shows_no_part_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a key was found, and nothing of it."""
    monkeypatch.setenv("RELAYDANCE_API_KEY", "sk-canary-0123456789")
    with vg.Studio() as studio:
        rows = studio.list_providers()
        (row,) = [row for row in rows if row.name == "relaydance"]
        assert row.key == "found in RELAYDANCE_API_KEY"
        shown = repr(rows) + str(rows._repr_mimebundle_()) + repr(vars(studio))
        assert "canary" not in shown


def test_a_report_can_be_pasted(studio: vg.Studio) -> None:
    """Request, model, task id, window, their words; no query of a URL."""
    clip = studio.generate(
        "a boat (simulate fail=upstream)", reference_images=["https://h/a.png?signature=secret"], **ASKED
    )
    with pytest.raises(vg.GenerationFailed):
        clip.wait(30)
    report = clip.report()
    for part in (clip.id, clip.task_id, clip.model, "UTC", "RelayDance"):
        assert part in report
    assert "secret" not in report


def test_code_makes_the_same_request(studio: vg.Studio) -> None:
    """Copy as code: the call evaluates to the same identity, media given as data included."""
    Image.new("RGB", (320, 320), "teal").save("boat.png")
    clip = studio.generate(
        'say "hi"\n一只纸船', reference_images=["boat.png"], extra={"metadata": {"seed": 3}}, **ASKED
    )
    Path("boat.png").unlink()
    names = {"vg": studio}
    again = eval(clip.code(), names)
    assert again == clip


def test_a_clip_belongs_to_its_mode(studio: vg.Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated and paid clips are never mixed up: a real Studio leaves a simulated one as it is, and says why."""
    clip = studio.generate("a boat (simulate seconds=200)", **ASKED)
    with vg.Studio(keys={"relaydance": "sk-x"}) as real:
        assert real.resume() == []
        with pytest.raises(vg.InvalidRequest, match="simulate"):
            real.resume(clip.id)


def test_the_environment_can_force_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """VIDGEN_SIMULATE=1 makes every Studio a simulated one, whatever it was told."""
    monkeypatch.setenv("VIDGEN_SIMULATE", "1")
    with vg.Studio(simulate=False, keys={"relaydance": "sk-real"}) as studio:
        assert studio.simulate


def test_without_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only one with a key, else an error that lists them."""
    with vg.Studio() as studio, pytest.raises(vg.UnknownProvider, match="relaydance"):
        studio.plan("a boat")
    with vg.Studio(keys={"relaydance": "sk-x"}) as studio:
        assert studio.plan("a boat").provider == "relaydance"


def test_home_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, studio: vg.Studio) -> None:
    """A notebook in a subfolder uses the home of the project; VIDGEN_HOME overrules."""
    studio.generate("a boat", **ASKED)
    below = tmp_path / "notebooks" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with vg.Studio() as other:
        assert other.home == tmp_path / "vidgen"
    monkeypatch.setenv("VIDGEN_HOME", str(tmp_path / "elsewhere"))
    with vg.Studio() as other:
        assert other.home == tmp_path / "elsewhere"
