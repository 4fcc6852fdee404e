"""The parts of the README that are made from the code: `make readme` writes them, a test compares them.

python -m tests.house.readme
"""

import json
import re
from pathlib import Path

from vidgen_nb import providers
from vidgen_nb.providers.contract import aliases

from ..benchmarks import rows as bench
from ..hostile.rows import CHAPTERS

README = Path(__file__).parents[2] / "README.md"
PART = re.compile(r"(<!-- (\w+): generated.*? -->\n).*?(<!-- /\2 -->)", re.DOTALL)
MEASURED = Path(__file__).parents[1] / "peers" / "measured.json"


def provider_table() -> str:
    """A row for each built-in provider: names, where key and address come from, models, and what it takes."""
    lines = ["| provider | `provider=` | key | base URL | models | parameters |", "|---|---|---|---|---|---|"]
    for name in providers.BUILT_IN:
        spec = providers.find(name)
        own = ", ".join(f"`{field}`" for field in dict.fromkeys(aliases(spec.Request).values()) if field != "prompt")
        base = f"`{spec.BASE_URL}`" if spec.BASE_URL else f"your own: `{spec.BASE}`"
        lines.append(f"| {spec.TITLE} | `{name}` | `{spec.KEY}` | {base} | {len(spec.MODELS)} | {own} |")
    return "\n".join(lines) + "\n"


def peers_table() -> str:
    """What `make peers` measured: the POSTs of one lost reply, and what is left of the task after a SIGKILL."""
    lines = ["| | version | POSTs sent for one lost reply | known after a SIGKILL |", "|---|---|---|---|"]
    for row in json.loads(MEASURED.read_text(encoding="utf-8"))["rows"]:
        known = "the task id" if row["kept"] else "nothing"
        if row["after"]:
            known += f": `vg.resume()` brought the clip home with {row['posts_after']} further POSTs"
        lines.append(f"| {row['name']} | {row['version']} | {row['posts']} | {known} |")
    return "\n".join(lines) + "\n"


def fault_table() -> str:
    """What can go wrong, and what happens then: a line for each row of the table which the tests run."""
    lines = ["| | what goes wrong | what happens then |", "|---|---|---|"]
    for chapter, rows in CHAPTERS.items():
        lines.append(f"| | **{chapter}** | |")
        lines += [f"| {row.id} | {row.fault} | {row.then} |" for row in rows]
    return "\n".join(lines) + "\n"


PARTS = {"providers": provider_table, "peers": peers_table, "faults": fault_table, "bench": bench.table}


def written(readme: str) -> str:
    """The README with its generated parts as the code has them now."""
    return PART.sub(lambda found: found[1] + PARTS[found[2]]() + found[3], readme)


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
