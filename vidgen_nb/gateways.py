"""Where each provider's calls go, and with which key: the real address, or the simulator's."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vidgen_nb import providers
from vidgen_nb.answers import ProviderInfo, Providers
from vidgen_nb.engine.wire import Gateway
from vidgen_nb.errors import InvalidRequest, UnknownProvider, VidgenError
from vidgen_nb.providers.contract import Provider
from vidgen_nb.records import ProviderFacts, Record
from vidgen_nb.settings import Key, checked_key, find_base_url, find_key, secrets_here

SIMULATED = "simulator"
_SIMULATED_KEY = Key("sk-simulated", "the simulator")


class Gateways:
    """The ways to the providers, as one Studio was told or finds them in the environment.

    Args:
        simulator: Gives the simulator's base URL of a provider; None for real ones.
        keys, base_urls, options: By provider name; what is missing comes from the environment, .env or the documents.
    """

    def __init__(
        self,
        simulator: Callable[[str], str] | None,
        keys: Mapping[str, str],
        base_urls: Mapping[str, str],
        options: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._simulator = simulator
        self._keys = {name: checked_key(key, f"given for {name}") for name, key in keys.items() if key}
        self._base_urls = dict(base_urls)
        for name, values in options.items():
            if not isinstance(values, Mapping):
                raise InvalidRequest(
                    f"options[{name!r}] is no dict.", hint='Such as options={"aitoearn": {"site": "intl"}}.'
                )
        self._options = {name: dict(values) for name, values in options.items()}

    def secrets(self) -> dict[str, Key]:
        """Every secret within reach, by the words for its place."""
        return secrets_here(self._keys)

    def pick(self, name: str | None) -> str:
        """The provider's name: the one given, or the only one with a key. Raises UnknownProvider."""
        if name is not None:
            return name
        with_key = [name for name, spec in providers.every().items() if self._key(spec)]
        if len(with_key) == 1:
            return with_key[0]
        why = "None has a key" if not with_key else f"{len(with_key)} have a key"
        known = ", ".join(providers.names())
        raise UnknownProvider(f"Which provider? {why}. Nothing was sent.", hint=f"Say provider=…: {known}.")

    def to(self, name: str) -> Gateway:
        """The gateway of a provider; its key may be missing, which matters only once something is sent."""
        self._check_names()
        spec = providers.find(name)
        options = self._options.get(name, {})
        if self._simulator is not None:
            return Gateway(spec, self._simulator(name), _SIMULATED_KEY, options)
        base = self._base_url(spec)
        if not base:
            hint = f"Set {spec.BASE} to your gateway's base URL."
            raise InvalidRequest(f"{spec.TITLE} has no address yet. Nothing was sent.", hint=hint)
        return Gateway(spec, base, self._key(spec), options)

    def origin(self, gateway: Gateway) -> str:
        """What an identity says about where a clip is made: scheme and host, or "simulator"."""
        return SIMULATED if self._simulator is not None else gateway.origin

    def of(self, record: Record) -> Gateway:
        """The gateway of a generation that exists. Raises InvalidRequest where it was made by another way."""
        if record.simulated != (self._simulator is not None):
            way = "vg.setup(simulate=True)" if record.simulated else "a Studio without simulate=True"
            not_ = "" if record.simulated else "not "
            raise InvalidRequest(f"{record.id} is {not_}simulated.", hint=f"Use {way} for it.")
        self._check_names()
        spec = providers.find(record.provider)
        if self._simulator is None and not self._base_url(spec):
            raise InvalidRequest(
                f"{record.id} was made at {record.origin}, and {spec.TITLE} has no address here yet.",
                hint=f"Set {spec.BASE} to your gateway's base URL at {record.origin}.",
            )
        gateway = self.to(record.provider)
        if self.origin(gateway) != record.origin:
            hint = f"Set {gateway.provider.BASE} to an address of {record.origin} for it."
            raise InvalidRequest(
                f"{record.id} was made at {record.origin}, and the base URL is another one.", hint=hint
            )
        return gateway

    def reach(self, record: Record) -> bool:
        """Whether this Studio can ask about a generation: same mode, same site, and a provider that is known here."""
        try:
            self.of(record)
        except VidgenError:
            return False
        return True

    def table(self) -> Providers:
        """The providers, where their keys were found (never a part of one), and their base URLs."""
        rows = []
        for name, spec in providers.every().items():
            key = self._key(spec)
            rows.append(
                ProviderInfo(
                    name=name,
                    title=spec.TITLE,
                    key=key.found_in if key else "",
                    key_variable=spec.KEY,
                    base_url=self._base_url(spec),
                    base_url_variable=spec.BASE,
                    search=getattr(spec, "SEARCH", ""),
                    models=len(spec.MODELS),
                )
            )
        return Providers(rows)

    def _check_names(self) -> None:
        """A slip in a name would send a request elsewhere, or without its option: said before anything is sent.

        Looked at late, because vg.register() may come after Studio().
        """
        for what, given in (("keys", self._keys), ("base_urls", self._base_urls), ("options", self._options)):
            for name in given:
                if name not in providers.BUILT_IN and name not in (known := providers.names()):
                    swapped = what == "keys" and not name.isidentifier()  # the key stands where its provider should
                    named = "…" if swapped else name
                    raise InvalidRequest(f"{what} names {named!r}. Nothing was sent.", hint=nearest(name, known))
        for name, values in self._options.items():
            try:
                spec = providers.find(name)
            except UnknownProvider:  # it cannot be loaded, which is said where it is asked for itself
                continue
            options = [*getattr(spec, "OPTIONS", ()), *(["site"] if hasattr(spec, "SITES") else [])]
            for option in values:
                if option not in options:
                    message = f"{spec.TITLE} has no option {option!r}. Nothing was sent."
                    raise InvalidRequest(message, hint=nearest(option, options))

    def _key(self, spec: Provider) -> Key | None:
        return find_key(spec.KEY, spec.NAME, self._keys)

    def _base_url(self, spec: Provider) -> str:
        sites: Mapping[str, str] = getattr(spec, "SITES", {})
        site = self._options.get(spec.NAME, {}).get("site")
        if site is not None and (not isinstance(site, str) or site not in sites):
            raise InvalidRequest(
                f"{spec.TITLE} has no site {site!r}.", hint=f"There are: {', '.join(sites) or 'none'}."
            )
        given = {spec.NAME: sites[site], **self._base_urls} if site is not None else self._base_urls
        found = find_base_url(spec.BASE, spec.NAME, spec.BASE_URL, given)
        return found.removesuffix(getattr(spec, "NOT_IN_BASE", "")).rstrip("/")  # people paste an OpenAI-style …/v1


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint for a name that is none of the known ones."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known) or 'none'}."


def facts_of(name: str) -> ProviderFacts:
    """What views say about a provider; a plain set for one that is not known in this process."""
    try:
        spec = providers.find(name)
    except UnknownProvider:
        return ProviderFacts(name, name, f"Whether {name} bills failed tasks is not known here.")
    return ProviderFacts(
        name,
        spec.TITLE,
        spec.FAILED_BILLING,
        getattr(spec, "SEARCH", ""),
        getattr(spec, "CONSOLE", ""),
        getattr(spec, "REPORTS_PROGRESS", True),
    )
