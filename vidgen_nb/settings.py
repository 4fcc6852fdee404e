"""Where things come from: the home folder, keys, base URLs and switches of the environment.

Keys are read here and nowhere else, and no repr, error or pickle of this module's objects shows any part of one.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from vidgen_nb.errors import InvalidRequest

HOME_FOLDER = "vidgen"
LEDGER = "ledger.db"
_GITIGNORE = "ledger.db*\nrun/\n"


# ── home ──────────────────────────────────────────────────────────────────────
def find_home(given: str | os.PathLike[str] | None = None) -> Path:
    """The home: as given, else VIDGEN_HOME, else the nearest `vidgen/` with a ledger upwards of here, else ./vidgen."""
    chosen = given or os.environ.get("VIDGEN_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / HOME_FOLDER / LEDGER).is_file():
            return folder / HOME_FOLDER
    return here / HOME_FOLDER


def make_home(home: Path) -> Path:
    """Make the folders of a home. An OSError goes to the caller, who knows what it was for."""
    for folder in (home, home / "clips", home / "inputs", home / "run"):
        folder.mkdir(parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_GITIGNORE, encoding="utf-8")
    return home


# ── what a Studio is told ─────────────────────────────────────────────────────
def check_kind(what: str, value: object, kinds: type | tuple[type, ...], words: str) -> None:
    """Raises InvalidRequest where an argument is of another kind. Its value is not repeated: it may be a key."""
    if value is None or (isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool))):
        return
    raise InvalidRequest(
        f"{what} takes {words}, not {type(value).__name__}. Nothing was sent.", hint="help(vg.Studio) explains each."
    )


# ── switches ──────────────────────────────────────────────────────────────────
def switched_on(name: str) -> bool:
    """Whether an environment switch is set to anything but 0, false, no or nothing."""
    return os.environ.get(name, "").strip().lower() not in {"", "0", "false", "no", "off"}


# ── keys and base URLs ────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Key:
    """An API key which shows itself to nobody: only `reveal()`, called where the request is signed, gives it away."""

    _secret: str = field(repr=False)
    found_in: str

    def reveal(self) -> str:
        return self._secret

    @property
    def fingerprint(self) -> bytes:
        """Tells this key from another one, and gives none of it away."""
        return hashlib.sha256(self._secret.encode()).digest()

    def __repr__(self) -> str:
        return f"Key(found in {self.found_in})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled: it would leave this machine's memory")


class Keys(dict[str, str]):
    """Keys as a person gives them, by provider: for the names under which they would stand in a frame or a module."""

    def __repr__(self) -> str:
        return f"Keys({len(self)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not pickled: they would leave this machine's memory")


def checked_key(secret: object, found_in: str) -> Key:
    """A key fit for a header. A stray newline or space inside would be quoted in the HTTP library's own error."""
    stripped = secret.strip() if isinstance(secret, str) else ""
    if not re.fullmatch(r"[\x21-\x7e]+", stripped):
        raise InvalidRequest(
            f"The key {found_in} holds spaces, line breaks or characters which no key has. Nothing was sent.",
            hint="Copy the key once more, without quotes and line breaks.",
        )
    return Key(stripped, found_in)


def find_key(variable: str, provider: str, given: Mapping[str, str | Key] | None = None) -> Key | None:
    """The key of a provider: from `Studio(keys={provider: …})`, the environment, or a .env file; else None."""
    if given and provider in given:
        secret = given[provider]
        return secret if isinstance(secret, Key) else checked_key(secret, f"given for {provider}")
    if os.environ.get(variable, "").strip():
        return checked_key(os.environ[variable], f"found in {variable}")
    dotenv = read_dotenv()
    return checked_key(dotenv[variable], f"found in .env ({variable})") if dotenv.get(variable) else None


_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_SECRET_LEAST = 12  # characters: what is shorter would be found in every text


def secrets_here(given: Mapping[str, Key] | None = None) -> dict[str, Key]:
    """Every secret within reach of this process, by the words for its place: to look for them where they must not be.

    Of the environment and .env, whatever its name calls a key, token, secret or password.
    """
    named = {f"the key given for {provider}": key.reveal() for provider, key in (given or {}).items()}
    places = ((read_dotenv(), "the value of {} in .env"), (dict(os.environ), "the value of {}"))
    for values, place in places:
        named |= {place.format(name): value.strip() for name, value in values.items() if _SECRET_NAME.search(name)}
    return {place: Key(secret, place) for place, secret in named.items() if len(secret) >= _SECRET_LEAST}


def find_base_url(variable: str, provider: str, documented: str, given: Mapping[str, str] | None = None) -> str:
    """The base URL of a provider without a trailing slash: given, from the environment, .env, or the documented one."""
    chosen = (
        (given or {}).get(provider) or os.environ.get(variable, "").strip() or read_dotenv().get(variable) or documented
    )
    if not chosen:
        return ""
    if not _is_base_url(chosen):
        raise InvalidRequest(
            f"The base URL of {provider} is not an http(s) address of a host. Nothing was sent.",
            hint=f'Set {variable} to something like "https://example.com", without a key, query or fragment in it.',
        )
    return chosen.strip().rstrip("/")


def _is_base_url(chosen: object) -> bool:
    try:
        parts = urlsplit(chosen.strip()) if isinstance(chosen, str) else urlsplit("")
        parts.port  # noqa: B018 (raises for one that there cannot be)
    except ValueError:
        return False
    extra = parts.username or parts.query or parts.fragment
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not extra


def origin_of(base_url: str) -> str:
    """Scheme, host and port of an address: what a key is tied to, and what an identity names."""
    parts = urlsplit(base_url)
    port = f":{parts.port}" if parts.port and parts.port != {"http": 80, "https": 443}.get(parts.scheme) else ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}"


def read_dotenv() -> dict[str, str]:
    """The names and values of the nearest .env file from here upwards; it is read, never put into the environment."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        path = folder / ".env"
        if path.is_file():
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError):
                return {}
            return dict(pair for line in lines if (pair := _dotenv_pair(line)))
    return {}


def _dotenv_pair(line: str) -> tuple[str, str] | None:
    found = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line)
    if not found:
        return None
    name, value = found.groups()
    if value[:1] in {"'", '"'} and value[-1:] == value[:1] and len(value) > 1:
        return name, value[1:-1]
    return name, re.split(r"\s#", value, maxsplit=1)[0].strip()
