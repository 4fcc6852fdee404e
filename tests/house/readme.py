"""The parts of the README that are made from the code: `make readme` writes them, a test compares them.

python -m tests.house.readme
"""

import re
from pathlib import Path

from vidgen_nb import providers
from vidgen_nb.providers.contract import aliases

README = Path(__file__).parents[2] / "README.md"
PART = re.compile(r"(<!-- providers: .*? -->\n).*?(<!-- /providers -->)", re.DOTALL)


def provider_table() -> str:
    """A row for each built-in provider: names, where key and address come from, models, and what it takes."""
    lines = ["| provider | `provider=` | key | base URL | models | parameters |", "|---|---|---|---|---|---|"]
    for name in providers.BUILT_IN:
        spec = providers.find(name)
        own = ", ".join(f"`{field}`" for field in dict.fromkeys(aliases(spec.Request).values()) if field != "prompt")
        base = f"`{spec.BASE_URL}`" if spec.BASE_URL else f"your own: `{spec.BASE}`"
        lines.append(f"| {spec.TITLE} | `{name}` | `{spec.KEY}` | {base} | {len(spec.MODELS)} | {own} |")
    return "\n".join(lines) + "\n"


def written(readme: str) -> str:
    """The README with its generated parts as the code has them now."""
    return PART.sub(lambda found: found[1] + provider_table() + found[2], readme)


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
