"""Looking through the history: words of prompts and notes in every script, and ten thousand rows at once."""

import sqlite3
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import answers
from vidgen_nb.ledger import _VALUES, APPLICATION_ID, Ledger, _row_of, m001_initial, m002_opinions
from vidgen_nb.records import Record, Status

MANY = 10_000
THINGS = ["boat", "lighthouse", "fox", "纸船", "雨夜霓虹", "كلب", "пёс", "Größe", "犬のダンス"]


def row(number: int, **values: Any) -> Record:
    fixed: dict[str, Any] = {"id": f"vg-{number:010x}", "identity": f"identity {number}", "provider": "relaydance"}
    fixed |= {"origin": "https://relaydance.com", "model": "m", "created": 1000.0 + number, "updated": 1000.0}
    return Record(**{**fixed, "asked": {"prompt": f"boat {number}"}, **values})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "vidgen")
    yield opened
    opened.close()


def asked(ledger: Ledger, *prompts: str) -> list[Record]:
    return [ledger.intend(row(number, asked={"prompt": prompt}))[0] for number, prompt in enumerate(prompts)]


# ── words ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("A Paper BOAT", "boat"),
        ("Größe", "GRÖSSE"),
        ("雨夜的霓虹小巷", "霓虹"),
        ("ＡＢＣ full width", "abc"),
        ("cafe\N{COMBINING ACUTE ACCENT} at night", "café"),
        ("ЁЛКА", "ёлка"),
        ("犬がダンス", "ﾀﾞﾝｽ"),
        ("100% cotton_wool", "100%"),
        ("100% cotton_wool", "n_w"),
        ('it\'s a "boat"', '"boat"'),
        ("İstanbul", "i̇stanbul"),
        ("🦊 in snow", "🦊"),
    ],
)
def test_a_word_is_found_as_people_write_it(ledger: Ledger, prompt: str, word: str) -> None:
    """Letter case, width and the spelling of accents make no difference; nothing in a word is a pattern."""
    kept, _ = asked(ledger, prompt, "something else")
    assert ledger.find([word]) == [kept.id]


def test_all_words_must_occur_in_prompt_or_note(ledger: Ledger) -> None:
    """One word in the prompt and the other in the note is a match; one of two is none."""
    boat, other = asked(ledger, "a boat", "a boat in the rain")
    ledger.change(boat, note="The BEST one")
    assert ledger.find(["boat", "best"]) == [boat.id]
    assert ledger.find(["rain", "best"]) == []
    assert ledger.find(["boat"]) == [other.id, boat.id]


def test_a_note_is_searched_as_it_stands_now(ledger: Ledger) -> None:
    """Written, changed, taken back: the search goes by the last word."""
    (kept,) = asked(ledger, "a boat")
    kept = ledger.change(kept, note="winner")
    assert ledger.find(["winner"])
    kept = ledger.change(kept, note="too dark")
    assert (ledger.find(["winner"]), ledger.find(["dark"])) == ([], [kept.id])
    ledger.change(kept, note="")
    assert ledger.find(["dark"]) == []


def test_a_restored_clip_is_found(ledger: Ledger) -> None:
    """A row that came out of its recipe is searched like any other."""
    assert ledger.restore(row(1, asked={"prompt": "纸船"}, note="from a recipe", status=Status.SUCCEEDED))
    assert ledger.find(["纸船", "RECIPE"]) == ["vg-0000000001"]


def test_unknown_outcomes_come_first_then_the_newest(ledger: Ledger) -> None:
    """In the whole result, not only on a page of it."""
    rows = asked(ledger, *(["boat"] * 5))
    ledger.change(ledger.change(rows[1], step="sending"), status=Status.UNKNOWN)
    assert ledger.find(["boat"]) == [rows[n].id for n in (1, 4, 3, 2, 0)]
    assert ledger.find(["boat"], limit=2) == [rows[1].id, rows[4].id]


def test_filters(ledger: Ledger) -> None:
    """Provider, status, model, simulated: each alone, and together with words."""
    real = ledger.intend(row(1))[0]
    played = ledger.intend(row(2, provider="newapi", model="kling-v1", origin="simulator"))[0]
    assert ledger.find(provider="newapi") == ledger.find(model="kling-v1") == ledger.find(simulated=True) == [played.id]
    assert ledger.find(simulated=False) == [real.id]
    assert ledger.find(["boat"], status="submitting", provider="relaydance") == [real.id]
    assert ledger.find(status="failed") == []


def test_the_rows_of_ids_come_in_their_order(ledger: Ledger) -> None:
    """More of them than one SELECT takes, and one that is not there."""
    rows = [ledger.intend(row(number))[0] for number in range(3)]
    wanted = [rows[2].id, "vg-none", rows[0].id]
    assert ledger.many(wanted) == [rows[2], rows[0]]
    assert ledger.many([rows[1].id] * 1200) == [rows[1]] * 1200


def test_the_words_of_an_older_ledger_are_found(tmp_path: Path) -> None:
    """A home of an earlier release is searchable at once, and its clips have a place for everything newer."""
    (tmp_path / "run").mkdir()
    old = sqlite3.connect(tmp_path / "ledger.db")
    m001_initial(old)
    m002_opinions(old)
    old.execute(
        "INSERT INTO generations VALUES ('vg-1', 'i', 'p', 'o', 'm', ?, '{}', 1, '', 'succeeded', 'sending', '', '', "
        "NULL, 't', NULL, ?, NULL, '[]', 1, 1, 1, 1, 1, 1, '', 1, 5, 'Best ONE')",
        ('{"prompt": "Größe"}', '{"amount": 1.4, "unit": "CNY", "basis": "by your price"}'),
    )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 2")
    old.commit()
    old.close()
    ledger = Ledger(tmp_path)
    assert ledger.find(["grösse", "best"]) == ["vg-1"]
    (found,) = ledger.search()
    assert (found.rating, found.doubts, found.cost) == (5, 0, vg.Cost(1.4, "CNY", "by your price"))
    ledger.close()


# ── ten thousand rows ─────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with ten thousand clips, as long as real rows are."""
    home = tmp_path_factory.mktemp("large") / "vidgen"
    ledger = Ledger(home)
    with ledger._writing() as db:
        for number in range(MANY):
            prompt = f"{THINGS[number % len(THINGS)]} {number} " + "slow dolly-in, overcast soft light, 4k, grain " * 4
            made = row(number, asked={"prompt": prompt}, status=Status.SUCCEEDED, raw={"data": "x" * 1000})
            made = replace(made, status=Status.UNKNOWN if number % 500 == 0 else made.status)
            db.execute(f"INSERT INTO generations {_VALUES}", _row_of(made))
    ledger.close()
    return home


def test_ten_thousand_rows_are_looked_through_at_once(large: Path) -> None:
    """50 ms on a quiet machine; this one may be busy. The index alone answers, no row is read."""
    ledger = Ledger(large)
    spent = []
    for word in ("boat", "霓虹", "grösse", "nowhere", "9999"):
        begin = time.perf_counter()
        found = ledger.find([word, "overcast"])
        spent.append(time.perf_counter() - begin)
        assert len(found) == {"nowhere": 0, "9999": 1}.get(word, len(range(0, MANY, len(THINGS))) - (word != "boat"))
    plan = ledger.ask(
        lambda db: [
            line["detail"]
            for line in db.execute("EXPLAIN QUERY PLAN SELECT id FROM generations WHERE instr(folded, 'x') > 0")
        ]
    )
    ledger.close()
    assert statistics.median(spent) < 0.5
    assert any("COVERING INDEX generations_by_words" in detail for detail in plan), plan


def test_a_search_reads_only_what_is_looked_at(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand matches cost one page of rows, and every one of them can be reached."""
    read: list[int] = []
    many = Ledger.many
    monkeypatch.setattr(Ledger, "many", lambda self, ids: read.append(len(ids)) or many(self, ids))
    with vg.Studio(home=large) as studio:
        found = studio.history()
        assert (len(found), read) == (MANY, [])
        assert f"1–24 of {MANY} clips" in str(found)
        assert read == [24]
        assert found[-1].id == "vg-0000000001"
        assert found[MANY - 2].prompt.startswith("fox 2 ")
        assert [clip.status for clip in found[18:22]] == ["unknown", "unknown", "succeeded", "succeeded"]


# ── the history ───────────────────────────────────────────────────────────────
def test_the_history_turns_its_pages(large: Path) -> None:
    """A page names the calls of its neighbours, and they show what they say."""
    with vg.Studio(home=large) as studio:
        second = studio.history("fox grain", provider="relaydance", page=2)
        text = str(second)
        assert "25–48 of 1111 clips, 1063 more" in text
        assert 'previous: vg.history("fox grain", provider="relaydance", page=1)' in text
        assert 'next: vg.history("fox grain", provider="relaydance", page=3)' in text
        assert second[24].id in text
        assert second[23].id not in text
        last = str(studio.history("fox grain", page=10_000))
        assert "1105–1111 of 1111 clips" in last
        assert "next:" not in last


def test_the_call_of_a_page_is_python_that_finds_the_same(large: Path) -> None:
    """Quotes and scripts in the words included."""
    with vg.Studio(home=large) as studio:
        for text, filters in (("", {}), ('霓虹 "x" \\ \'', {"status": "succeeded", "simulated": False, "limit": 30})):
            found = studio.history(text, **filters)
            assert found._call is not None
            again = eval(found._call(1), {"vg": studio})
            assert isinstance(again, answers.History)
            assert [clip.id for clip in again[:5]] == [clip.id for clip in found[:5]]
            assert again.words == found.words


@pytest.mark.parametrize(
    ("asked_for", "said"),
    [
        ({"status": "suceeded"}, "did you mean succeeded"),
        ({"status": "zzz"}, "there are submitting"),
        ({"status": 5}, "takes text"),
        ({"text": None}, "takes text"),
        ({"text": "boat " * 1500}, "at most 200"),
        ({"provider": ["relaydance"]}, "takes text"),
        ({"simulated": "yes"}, "True or False"),
        ({"limit": 0}, "whole number from 1"),
        ({"limit": True}, "whole number from 1"),
        ({"page": 0}, "whole number from 1"),
        ({"page": "2"}, "whole number from 1"),
    ],
)
def test_a_slip_is_said(asked_for: dict[str, Any], said: str) -> None:
    """Never an empty gallery for a word that does not exist, never a TypeError out of the inside."""
    with vg.Studio() as studio, pytest.raises(vg.InvalidRequest) as raised:
        studio.history(**asked_for)
    assert said in str(raised.value)
    assert "vg.history(" in str(raised.value)


def test_a_history_reads_like_a_list(ledger: Ledger) -> None:
    """Length, indices, slices, membership, comparison, iteration."""
    rows = asked(ledger, "one", "two", "three")
    with vg.Studio(home=ledger.home) as studio:
        found = studio.history()
        assert [clip.id for clip in found] == [rows[n].id for n in (2, 1, 0)]
        assert found[0].prompt == "three"
        assert [clip.prompt for clip in found[1:]] == ["two", "one"]
        assert found == [studio.get(rows[n].id) for n in (2, 1, 0)]
        assert rows[1].id in found
        assert next(reversed(found)).prompt == "one"
        assert studio.history("nowhere") == []
        with pytest.raises(IndexError):
            found[3]


def test_what_another_kernel_wrote_is_shown(ledger: Ledger) -> None:
    """A handle that is shown again says what the ledger says now."""
    (kept,) = asked(ledger, "a boat")
    with vg.Studio(home=ledger.home) as studio:
        (clip,) = studio.history()
        ledger.change(kept, note="seen elsewhere", rating=4)
        (again,) = studio.history("elsewhere")
        assert again is clip
        assert (clip.note, clip.rating) == ("seen elsewhere", 4)
