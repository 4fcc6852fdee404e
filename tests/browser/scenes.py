"""What the screenshots show: a name and the cell which shows it. The cells run in a kernel, after `SETUP`.

A new view gets a line in `SCENES`.
"""

import re
from pathlib import Path
from types import MappingProxyType

from tests.display.stand_ins import CASES

ROOT = Path(__file__).parents[2]
WIDTHS = (900, 360)  # pixels of a cell
SETUP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.browser import stage
import vidgen_nb as vg
vg.setup(simulate=True)
None
""".strip()
_WRONG = '"a paper boat", model="seedance-2-beta", resolution="4k", duration=3, aspect_rato="16:9"'
_FILLED = 'prompt="a paper boat in the rain, slow dolly-in", duration=5, aspect_ratio="16:9", generate_audio=False'
_SWEPT = '"a {subject} at dawn", subject=["lighthouse", "sailboat", "灯塔与渔船"], duration=[5, 3]'
_MADE = 'vg.generate("a sailboat at dawn", duration=5, provider="relaydance").wait()'
_RIGHT = '"一只纸船在雨中的水面上缓缓前行，镜头慢慢推近", provider="relaydance", seed=7, aspect_ratio="16:9"'

SCENES = MappingProxyType(
    {
        **{f"card, {name}": f"stage.living({name!r})" for name in CASES},
        **{f"saved card, {name}": f"stage.saved({name!r})" for name in CASES},
        "form, empty": 'vg.form("relaydance")',
        "form, filled": f'vg.form("relaydance", {_FILLED})',
        "form, problems": f'vg.form("relaydance", {_FILLED}, seed=-5, last_frame="https://localhost/end.png")',
        "catalogue": 'vg.models("relaydance")',
        "sweep, its plan": f'{_MADE}\nvg.sweep({_SWEPT}, provider="relaydance")',
        "sweep, running": "stage.sweep()",
        "sweep, done": "stage.sweep(done=True)",
        "providers": "vg.list_providers()",
        "plan": f"vg.plan({_RIGHT})",
        "error, a wrong request": f"vg.aitoearn.generate({_WRONG})",
        "error, no key": 'vg.Studio(simulate=False).generate("a paper boat", provider="relaydance")',
        "compare, two": "stage.compare(2)",
        "compare, six": "stage.compare(6)",
        "history": "stage.history(living=True)",
        "history, saved": "stage.history()",
        "history, nothing": 'vg.history("nothing like this")',
    }
)


def picture_of(name: str) -> str:
    """The scene's name as a file may be called."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
