"""What can go wrong, and what happens then: the table which the tests run, and which the README shows.

A test belongs to a row by its own name (test_s4_…) or its file's (test_fuzz.py), and to a provider by the provider's
name in its id.
"""

from dataclasses import dataclass

from vidgen_nb.providers import BUILT_IN

FIVE = frozenset(BUILT_IN)


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, what happens then, and the providers for each of which it is proven."""

    id: str
    fault: str
    then: str
    providers: frozenset[str] = FIVE

    @property
    def prefix(self) -> str:
        """How the names of its tests begin, behind `test_`."""
        return self.id.lower()


ASKING = (
    Row("S1", "a parameter is wrong", "every problem is named at once; nothing is sent"),
    Row("S2", "the ledger cannot be written: read-only, full disk, damaged, from a newer version",
        "nothing is sent, for nothing could be remembered; a damaged ledger is never overwritten"),
    Row("S3", "no connection: name not found, refused, no valid certificate",
        "proven that nothing left: tried up to 3 times, then safe to run again"),
    Row("S4", "the request left, and the connection broke before an answer",
        "the outcome is *unknown*: shown with its ways out, never sent again by itself"),
    Row("S5", "too many requests (429)",
        "tried twice more when the provider says so; a wait over 60 s is told instead"),
    Row("S6", "the provider refuses: key, money, model, request",
        "one try, its own words and a next step; nothing was charged"),
    Row("S7", "a server error, or an answer that proves nothing", "*unknown*, as after a lost answer"),
    Row("S8", "the answer breaks off behind the task id", "the id is saved, and asked about once to confirm it"),
    Row("S9", "the address has moved (3xx)", "never followed with a paid request; the new address is named"),
    Row("S10", "an answer without end, or one that unpacks to gigabytes", "read up to 8 MiB, then *unknown*"),
    Row("S11", "the kernel is killed at any moment",
        "the next one knows: nothing was sent, or the outcome is *unknown*, or it goes on with `vg.resume()`"),
    Row("S12", "you interrupt the cell", "the cell stops waiting; the request and the clip go on"),
    Row("S13", "Run All, a double click, two kernels, the same cell again",
        "one request; everybody gets the same clip, a failed one included"),
    Row("S14", "a run that nobody watches (CI, nbconvert, papermill)",
        "replays what exists; pays only with `VIDGEN_ALLOW_PAID=1`"),
)  # fmt: skip
WAITING = (
    Row("P1", "the network fails while a clip is made", "asked again, more slowly; the clip never fails from that"),
    Row("P2", "the key is no longer accepted", "asking pauses, and goes on with a new key"),
    Row("P3", "a status word that nobody knows", "shown as it came; asking goes on"),
    Row("P4", "progress that goes back, or is no number", "the highest so far is shown, and it decides nothing"),
    Row("P5", "a finished task says that it runs again", "an end stays an end"),
    Row("P6", "the provider knows no such task",
        "for 2 minutes it may be late; after 5 more the clip is *stuck*, and can be resumed"),
    Row("P7", "success without a video", "waited for a minute, then *stuck*, and can be resumed"),
    Row("P8", "it runs for ever, the laptop sleeps, the clock jumps",
        "said after 30 minutes; no verdict without a fresh answer; *stuck* after a day, and can be resumed"),
    Row("P9", "the kernel restarts", "`vg.resume()` brings home what was under way, without a new charge"),
    Row("P10", "two kernels resume the same clip", "one of them fetches it, both have it"),
)  # fmt: skip
FETCHING = (
    Row("D1", "the download breaks off, or is no MP4",
        "tried again, more slowly each time, for a day; only a whole MP4 counts, and a whole file that is none is kept "
        "beside the clips"),
    Row("D2", "the link has expired", "a fresh one is asked for; then *stuck*, and can be resumed"),
    Row("D3", "the link leads to another host", "followed without your key"),
    Row("D4", "the link points into your own network",
        "not fetched, and the host is named; `allow_media_hosts` allows it"),
    Row("D5", "a download without end, or a byte at a time",
        "stopped by size and by speed; *stuck* where it is always too large, and can be resumed"),
    Row("D6", "the kernel is killed or the disk is full during the download",
        "no half file under a clip's name; `vg.resume()` finishes it"),
    Row("D7", "names that lead elsewhere (`../`, `CON`)", "a file name holds nothing of the provider's"),
)  # fmt: skip
ALWAYS = (
    Row("Secrets", "a reply, an error or a log repeats your key, a signed link or a picture",
        "it is in no output, no error, no file and no log; `vg.scan()` looks through a notebook before you share it"),
    Row("Injection", "a provider, a ledger or a shared zip holds HTML, scripts, formulas or terminal codes",
        "shown as the text it is; a zip writes only clips, and only into the home",
        frozenset()),  # a view does not ask whose words they are
    Row("Bounds", "replies, errors and prompts of many megabytes", "cut, with a clear error; the memory stays small"),
    Row("Fuzz", "replies that are nonsense", "never a crash, never an end, never a video out of nonsense"),
)  # fmt: skip
CHAPTERS = {
    "While you ask": ASKING,
    "While it is made": WAITING,
    "While it comes home": FETCHING,
    "All the time": ALWAYS,
}
ROWS = tuple(row for rows in CHAPTERS.values() for row in rows)
