"""The static table of `vg.scan()`: what was found, and where. The findings themselves hold no secret."""

from collections.abc import Sequence
from typing import Protocol

from vidgen_nb.display.catalogue import Column, table
from vidgen_nb.display.gallery import columns
from vidgen_nb.display.html import Child, join, one_line
from vidgen_nb.display.saved import tag

PAGE = 100  # rows; a notebook full of posters has one for each output


class FindingRow(Protocol):
    """One thing that was found."""

    @property
    def kind(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def where(self) -> str: ...


class ScanView(Protocol):
    """A notebook that was looked through."""

    @property
    def name(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def hints(self) -> Sequence[str]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> Sequence[FindingRow]: ...


def scan_bundle(scan: ScanView) -> dict[str, str]:
    """What was found as `text/html` and `text/plain`."""
    head = f"{scan.name}: {scan.verdict}"
    rows, more = scan[:PAGE], len(scan) - PAGE
    plain = [one_line(head), *columns([(row.kind, row.what, row.where) for row in rows])]
    cells: list[list[Child]] = [
        [tag("warn", row.kind) if row.kind != "media" else row.kind, row.what, row.where] for row in rows
    ]
    if more > 0:
        cells.append(["", f"and {more} more", ""])
        plain.append(f"and {more} more")
    plain += map(one_line, scan.hints)
    heads = [Column("found", keep=True), Column("what"), Column("where")]
    cells += [["", join(hint), ""] for hint in scan.hints]
    return {"text/html": str(table(heads, cells, caption=head)), "text/plain": "\n".join(plain)}
