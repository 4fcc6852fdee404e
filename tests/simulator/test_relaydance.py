"""The RelayDance dialect against its page, and against the samples of its replies."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.task import Ask

SAMPLES = Path(__file__).parents[1] / "samples" / "relaydance"
KEY = {"Authorization": "Bearer sk-any"}
DATA = "data:image/png;base64,iVBORw0KGgo="
Submit = Callable[..., httpx.Response]

# The two commands of the page, as they stand there.
PAGE = r"""
curl https://relaydance.com/v1/video/generations \
-H "Authorization: Bearer $RELAYDANCE_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"model": "doubao-seedance-2-0-1080p",
"prompt": "A timelapse of storm clouds rolling over a mountain range",
"seconds": "10",
"metadata": {
"ratio": "16:9",
"resolution": "1080p",
"generate_audio": true
}
}'
---
curl https://relaydance.com/v1/video/generations \
-H "Authorization: Bearer $RELAYDANCE_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"model": "seedance-1-5-pro-with-audio",
"prompt": "@image1 rotates slowly on a marble pedestal, studio lighting",
"seconds": "5",
"metadata": {
"ratio": "1:1",
"resolution": "720p",
"content": [
{
"type": "image_url",
"image_url": { "url": "https://example.com/product.jpg" },
"role": "reference_image"
}
]
}
}'
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(speed=100, render=lambda ask, path, halted: None) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """One for all tests of this file; each finds it without a log and a bill."""
    running.log.clear()
    running.bill.clear()
    return running


@pytest.mark.parametrize("command", PAGE.split("---"))
@pytest.mark.parametrize("mounted", [True, False])
def test_the_commands_of_the_page_work(simulator: Simulator, command: str, mounted: bool) -> None:
    """With only the host replaced, under the provider's name or at the root, the page's own requests are accepted."""
    url = simulator.url("relaydance") if mounted else simulator.url("relaydance").removesuffix("/relaydance")
    command = command.strip().replace("https://relaydance.com", url)
    if shutil.which("curl"):
        shell = ["sh", "-c", command.replace("curl", "curl --noproxy '*' -s", 1)]
        environment = {**os.environ, "RELAYDANCE_API_KEY": "sk-any"}
        done = subprocess.run(shell, env=environment, capture_output=True, check=True)
        reply = json.loads(done.stdout)
    else:
        words = shlex.split(command.replace("\\\n", " "))
        headers = {"Content-Type": "application/json", **KEY}
        reply = httpx.post(words[1], content=words[words.index("-d") + 1], headers=headers).json()
    assert reply == {"task_id": reply["task_id"], "status": "submitted"}
    assert re.fullmatch(r"task_\w{32}", reply["task_id"])


def references(count: int, kind: str = "image", role: str = "", url: str = "https://e.com/x") -> list[Any]:
    return [{"type": f"{kind}_url", f"{kind}_url": {"url": url}, "role": role or f"reference_{kind}"}] * count


FIRST, LAST = references(1, role="first_frame"), references(1, role="last_frame")
ACCEPTED: list[dict[str, Any]] = [
    {"seconds": None},
    {"metadata": {}},
    {"metadata": {"seed": 7, "ratio": "adaptive"}},
    {"metadata": {"content": FIRST}},
    {"metadata": {"content": FIRST + LAST}},
    {"metadata": {"content": references(9) + references(3, "video") + references(3, "audio")}},
    {"metadata": {"content": references(1, url="asset://asset-2026")}},
    {"metadata": {"content": references(1, url=DATA)}},
    {"metadata": {"content": references(1) + references(1, "audio", url="data:audio/mpeg;base64,AAAA")}},
    {"metadata": {"content": references(1, "video", url="data:video/mp4;base64,AAAA")}},
    {"metadata": {"content": references(2)}, "prompt": "@image2 behind @image1"},
    {"model": "seedance-1-5-pro-no-audio", "seconds": "12", "metadata": {"generate_audio": False}},
]


@pytest.mark.parametrize("fields", ACCEPTED, ids=lambda fields: json.dumps(fields)[:60])
def test_what_is_documented_is_accepted(submit: Submit, fields: dict[str, Any]) -> None:
    """Every field and every kind of reference that the page names is taken."""
    assert submit(**fields).json().get("status") == "submitted"


def content(*entries: Any) -> dict[str, Any]:
    return {"metadata": {"content": [each for entry in entries for each in entry]}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model is required"),
    ({"prompt": None}, "prompt is required"),
    ({"prompt": " "}, "prompt is required"),
    ({"prompt": 5}, "prompt must be a string"),
    ({"seconds": 5}, "seconds must be a string"),
    ({"seconds": True}, "seconds must be a string"),
    ({"seconds": "3"}, "seconds '3' is not offered"),
    ({"seconds": "16"}, "seconds '16' is not offered"),
    ({"seconds": "5.0"}, "seconds '5.0' is not offered"),
    ({"seconds": "-1"}, "seconds '-1' is not offered"),
    ({"model": "seedance-1-5-pro-with-audio", "seconds": "13"}, "seconds '13' is not offered"),
    ({"duration": 5}, "unknown field duration"),
    ({"n": 1}, "unknown field n"),
    ({"callback_url": "http://127.0.0.1/"}, "callback_url must be inside metadata"),
    ({"metadata": []}, "metadata must be an object"),
    ({"metadata": {"watermark": False}}, "unknown field metadata.watermark"),
    ({"metadata": {"ratio": "2:1"}}, "metadata.ratio '2:1'"),
    ({"metadata": {"resolution": "4k"}}, "metadata.resolution '4k'"),
    ({"metadata": {"resolution": "1080p"}}, "metadata.resolution '1080p'"),  # not of the fast model
    ({"model": "doubao-seedance-2-0-720p", "metadata": {"resolution": "480p"}}, "metadata.resolution '480p'"),
    ({"metadata": {"generate_audio": "true"}}, "metadata.generate_audio must be true or false"),
    ({"metadata": {"generate_audio": 1}}, "metadata.generate_audio must be true or false"),
    ({"model": "seedance-1-5-pro-no-audio", "metadata": {"generate_audio": True}}, "metadata.generate_audio True"),
    ({"metadata": {"seed": True}}, "metadata.seed must be an integer"),
    ({"metadata": {"seed": 1.0}}, "metadata.seed must be an integer"),
    ({"metadata": {"seed": 2**32}}, "metadata.seed 4294967296 is out of range"),
    ({"metadata": {"callback_url": "ftp://127.0.0.1/"}}, "metadata.callback_url must be an http"),
    ({"metadata": {"content": {}}}, "metadata.content must be an array"),
    (content(["x"]), "metadata.content[0].type"),
    (content([{"type": "text", "text": "x"}]), "metadata.content[0].type"),
    (content([{"type": "image_url", "role": "reference_image"}]), "metadata.content[0].image_url is required"),
    (content([{"type": "image_url", "image_url": {"url": "https://e.com"}}]), "metadata.content[0].role is required"),
    (content([{**references(1)[0], "name": "x"}]), "unknown field metadata.content[0].name"),
    (content([{**references(1)[0], "image_url": "https://e.com"}]), "metadata.content[0].image_url must be an object"),
    (content(references(1, role="reference_video")), "metadata.content[0].role 'reference_video'"),
    (content(references(1), references(1, "video", role="first_frame")), "metadata.content[1].role 'first_frame'"),
    (content(references(1, url="boat.png")), "metadata.content[0].image_url.url must be"),
    (content(references(1, url="file:///boat.png")), "metadata.content[0].image_url.url must be"),
    (content(references(1, url="data:image/png;base64,???")), "metadata.content[0].image_url.url must be"),
    (content(references(1, url="data:video/mp4;base64,AAAA")), "metadata.content[0].image_url.url must be"),
    (content(references(10)), "10 image references"),
    (content(references(4, "video")), "4 video references"),
    (content(references(1), references(4, "audio")), "4 audio references"),
    (content(references(1, "audio")), "only audio"),
    (content(references(1), FIRST), "mixes references with first_frame"),
    (content(LAST), "last_frame only with it"),
    (content(FIRST, FIRST), "one first_frame"),
    ({**content(references(2)), "prompt": "@image3 walks"}, "@image3"),
    ({"prompt": "@image1 walks"}, "@image1"),
    ({"prompt": "a boat (simulate fail=weather)"}, "(simulate fail=weather)"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_is_not_documented_is_refused(simulator: Simulator, submit: Submit, fields: Any, said: str) -> None:
    """400 in the documented envelope, with a message that names the field, and nothing is booked or billed."""
    reply = submit(**fields)
    assert reply.status_code == 400
    assert reply.json() == {"code": "invalid_request", "message": reply.json()["message"], "data": None}
    assert said in reply.json()["message"]
    assert simulator.bill == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_which_is_no_object_is_refused(simulator: Simulator, body: bytes) -> None:
    """Whatever the bytes are, the answer is a 400 and not a crash."""
    url = simulator.url("relaydance") + "/v1/video/generations"
    reply = httpx.post(url, content=body, headers={**KEY, "Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Api-Key": "k"}, *({"Authorization": v} for v in ("", "k", "Bearer", "Bearer a b", "Bearer sk-invalid"))],
)
def test_without_a_good_key_nothing_works(simulator: Simulator, submit: Submit, headers: dict[str, str]) -> None:
    """401 with the documented envelope, for submitting, querying and listing models."""
    url = simulator.url("relaydance")
    replies = [submit(headers=headers), httpx.get(f"{url}/v1/models", headers=headers)]
    replies.append(httpx.get(f"{url}/v1/video/generations/task_1", headers=headers))
    for reply in replies:
        assert reply.status_code == 401
        assert reply.json()["error"]["type"] == "authentication_error"


def test_the_models_are_listed(simulator: Simulator) -> None:
    """GET /v1/models names the models of the page, in the usual shape."""
    reply = httpx.get(simulator.url("relaydance") + "/v1/models", headers=KEY).json()
    names = [row["id"] for row in reply["data"]]
    assert {"doubao-seedance-2-0-1080p", "seedance-1-5-pro-with-audio"} <= set(names)
    assert {row["object"] for row in reply["data"]} == {"model"}


# ── the samples ───────────────────────────────────────────────────────────────
def shape(value: Any) -> Any:
    """The keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def one_film(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
    path.write_bytes(b"film")


@pytest.fixture(scope="module")
def speakers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Simulator]]:
    """A simulator for each of the three shapes."""
    made = {}
    for name in ("flat", "wrapper", "openai"):
        shapes = {} if name == "flat" else {"relaydance": name}
        made[name] = Simulator(speed=200, shapes=shapes, render=one_film)
        made[name].start()
    yield made
    for each in made.values():
        each.stop()


WAYS = {  # of a sample: the shape, what the prompt asks for, and the word of the query to wait for
    "submit": ("flat", "", ""),
    "submit-openai": ("wrapper", "", ""),
    "query-submitted": ("flat", "queued=9999", "submitted"),
    "query-running": ("flat", "seconds=9999", "running"),
    "query-succeeded": ("flat", "", "succeeded"),
    "query-failed": ("flat", "fail=upstream", "failed"),
    "query-failed-moderation": ("flat", "fail=moderation", "failed"),
    "query-wrapper-submitted": ("wrapper", "queued=9999", "SUBMITTED"),
    "query-wrapper-in-progress": ("wrapper", "seconds=9999", "IN_PROGRESS"),
    "query-wrapper-success": ("wrapper", "", "SUCCESS"),
    "query-wrapper-failure": ("wrapper", "fail=upstream", "FAILURE"),
    "query-openai-queued": ("openai", "queued=9999", "queued"),
    "query-openai-in-progress": ("openai", "seconds=9999", "in_progress"),
    "query-openai-completed": ("openai", "", "completed"),
    "query-openai-failed": ("openai", "fail=moderation", "failed"),
    "error-400-moderation": ("flat", "refuse=moderation", ""),
    "error-401": ("flat", "refuse=auth", ""),
    "error-403-quota": ("flat", "refuse=quota", ""),
    "error-403-permission": ("flat", "refuse=permission", ""),
    "error-429": ("flat", "refuse=busy", ""),
    "error-502": ("flat", "refuse=server", ""),
}


@pytest.mark.parametrize("name", WAYS)
def test_replies_have_the_shape_of_the_samples(
    speakers: dict[str, Simulator], submit: Submit, query: Callable[..., Any], name: str
) -> None:
    """Status, keys, types and status word of each reply are those of the sample."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    speaker, asked, word = WAYS[name]
    reply = submit(at=speakers[speaker], prompt=f"a boat (simulate {asked})" if asked else "a boat")
    assert reply.status_code == (sample["status"] if not name.startswith("query") else 200)
    for header in sample["headers"]:
        assert reply.headers[header].startswith(sample["headers"][header])
    if "text" in sample:
        assert reply.text == sample["text"]
        return
    body = reply.json()
    if word and speaker == "wrapper":
        while body.get("data", {}).get("status") != word:
            body = query(reply.json()["task_id"], at=speakers[speaker])
    elif word:
        body = query(reply.json()["task_id"], (word,), at=speakers[speaker])
    assert shape(body) == shape(sample["body"])
    if name == "error-400-moderation":
        assert shape(json.loads(body["message"])) == shape(json.loads(sample["body"]["message"]))


@pytest.mark.parametrize(
    ("name", "path"), [("error-404-task", "/v1/video/generations/task_no"), ("models", "/v1/models")]
)
def test_other_replies_have_the_shape_of_the_samples(speakers: dict[str, Simulator], name: str, path: str) -> None:
    """So has what is answered without a task."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    reply = httpx.get(speakers["flat"].url("relaydance") + path, headers=KEY)
    assert (reply.status_code, shape(reply.json())) == (sample["status"], shape(sample["body"]))


@pytest.mark.parametrize(("name", "fields"), [("error-404-model", {"model": "sora"}), ("error-400", {"seconds": "99"})])
def test_refusals_have_the_shape_of_the_samples(submit: Submit, name: str, fields: dict[str, str]) -> None:
    """An unknown model is a 404, a wrong value a 400, each in its envelope."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    reply = submit(**fields)
    assert (reply.status_code, shape(reply.json())) == (sample["status"], shape(sample["body"]))


def test_the_openai_route_is_always_there(speakers: dict[str, Simulator], submit: Submit) -> None:
    """GET /v1/videos/{id} gives OpenAI's object whatever shape the query has, and /content the film, with the key."""
    url, task_id = speakers["flat"].url("relaydance"), submit(at=speakers["flat"], prompt="an owl").json()["task_id"]
    early = httpx.get(f"{url}/v1/videos/{task_id}/content", headers=KEY)
    assert early.status_code in (200, 400)
    while (reply := httpx.get(f"{url}/v1/videos/{task_id}", headers=KEY).json())["status"] != "completed":
        assert reply["metadata"] == {"url": ""}
    assert httpx.get(f"{url}/v1/videos/{task_id}/content", headers=KEY).content == b"film"
    assert httpx.get(f"{url}/v1/videos/{task_id}/content").status_code == 401


def test_every_sample_is_tested() -> None:
    """A sample that no test uses would be kept for nothing; the two left out are the client's to read."""
    used = {*WAYS, "error-404-task", "models", "error-404-model", "error-400"}
    read_only = {"query-wrapper-not-start", "query-wrapper-success-bare"}
    assert {path.stem for path in SAMPLES.glob("*.json")} == used | read_only
