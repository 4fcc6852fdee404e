"""One paid call, as each library's own documentation writes it: python -m tests.peers.clients NAME URL WHEN

It runs in a process of its own, in an empty folder with an empty home. URL is a server on this machine; WHEN is
"call", or "after" in a fresh process once the first was killed: only vidgen_nb has something to say then.
"""

import sys
from collections.abc import Callable

PROMPT = "a paper boat in the rain"
KEY = "sk-none"
AFTER = "after"


def refuse_the_world(event: str, arguments: tuple[object, ...]) -> None:
    """Whatever a library does: no connection but to this machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in {"127.0.0.1", "::1"}:
        raise ConnectionRefusedError(f"{arguments[1]} is not this machine")


def fal_client(url: str) -> None:
    import os

    os.environ["FAL_KEY"] = KEY
    from fal_client import SyncClient, client

    client.QUEUE_URL_FORMAT = f"{url}/"
    SyncClient(key=KEY).subscribe("fal-ai/a-model/text-to-video", arguments={"prompt": PROMPT})


def replicate(url: str) -> None:
    from replicate.client import Client

    Client(api_token=KEY, base_url=url).run("an-owner/a-model", input={"prompt": PROMPT})


def openai(url: str) -> None:
    from openai import OpenAI

    OpenAI(api_key=KEY, base_url=url).videos.create_and_poll(model="sora-2", prompt=PROMPT)


def runwayml(url: str) -> None:
    from runwayml import RunwayML

    client = RunwayML(api_key=KEY, base_url=url)
    task = client.text_to_video.create(model="veo3.1", prompt_text=PROMPT, ratio="1280:720", duration=4)
    task.wait_for_task_output()


def lumaai(url: str) -> None:
    import time

    from lumaai import LumaAI

    client = LumaAI(auth_token=KEY, base_url=url)
    made = client.generations.create(model="ray-2", prompt=PROMPT)
    while made.state not in {"completed", "failed"}:
        time.sleep(1)
        made = client.generations.get(id=str(made.id))


def vidgen_nb(url: str) -> None:
    import vidgen_nb as vg

    vg.setup(keys={"relaydance": KEY}, base_urls={"relaydance": url}, allow_paid=True)
    if sys.argv[3] == AFTER:
        vg.resume()
        clip = vg.history()[0]
        sys.stdout.write(f"{clip.wait(60).task_id} {clip.status}\n")
    else:
        vg.generate(PROMPT, provider="relaydance", duration=5).wait(60)


CALLS: dict[str, Callable[[str], None]] = {
    call.__name__: call for call in (fal_client, replicate, openai, runwayml, lumaai, vidgen_nb)
}

if __name__ == "__main__":
    sys.addaudithook(refuse_the_world)
    CALLS[sys.argv[1]](sys.argv[2])
