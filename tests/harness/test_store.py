"""The store under kills, bit rot, rivals and full disks."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.records import Fault
from harness.stages import execute
from harness.step import Step
from harness.store import Corrupt, Store, open_store, write_atomically

STEP = Step("score", {"samples": 4}, {}, title="a score")


def finish(store: Store, step: Step = STEP, data: bytes = b"payload", **facts) -> Path:
    attempt = store.attempt(step.address)
    write_atomically(attempt / "deep" / "score.json", data)
    store.commit(step, attempt, facts, {}, {})
    return attempt


def test_a_payload_without_record_is_not_done(tmp_path) -> None:
    store = Store(tmp_path)
    write_atomically(store.attempt(STEP.address) / "score.json", b"whole, but nobody said so")
    assert store.record(STEP.address) is None
    with pytest.raises(Corrupt, match="record is gone"):
        store.payload(STEP.address)


def test_what_was_kept_comes_back_checked(tmp_path) -> None:
    store = Store(tmp_path)
    finish(store, correct=[1, 0])
    record = store.record(STEP.address)
    assert record is not None and record.facts == {"correct": [1, 0]} and record.step == STEP.identity
    assert (store.payload(STEP.address) / "deep" / "score.json").read_bytes() == b"payload"
    assert not list(tmp_path.rglob(".*"))  # nothing half-written lies about


def test_the_first_record_wins_and_leaves_one_attempt(tmp_path) -> None:
    store = Store(tmp_path)
    abandoned = store.attempt(STEP.address)  # of a run that was killed
    first = finish(store, data=b"first")
    second = finish(store, data=b"second")
    record = store.record(STEP.address)
    assert record is not None and record.attempt == first.name
    assert first.exists() and not second.exists() and not abandoned.exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", "3", '{"step": {}}', "\0\0"])
def test_a_corrupt_record_is_named(tmp_path, damage: str) -> None:
    store = Store(tmp_path)
    finish(store)
    (store.folder(STEP.address) / "record.json").write_text(damage)
    with pytest.raises(Corrupt, match=STEP.address):
        store.record(STEP.address)


def test_a_record_with_one_other_figure_is_found(tmp_path) -> None:
    store = Store(tmp_path)
    finish(store, correct=7)
    path = store.folder(STEP.address) / "record.json"
    path.write_text(path.read_text().replace('"correct": 7', '"correct": 8'))
    with pytest.raises(Corrupt, match="does not match its hash"):
        store.record(STEP.address)


def test_a_file_of_the_same_size_with_other_bytes_is_found_set_aside_and_made_again(tmp_path) -> None:
    store = Store(tmp_path)
    attempt = finish(store, data=b"payload")
    assert store.payload(STEP.address)
    (attempt / "deep" / "score.json").write_bytes(b"pAyload")
    with pytest.raises(Corrupt, match=r"score\.json does not match its hash"):
        store.payload(STEP.address)
    store.discard(STEP.address)
    assert store.record(STEP.address) is None
    assert (store.folder(STEP.address) / "record.corrupt.json").exists()
    finish(store)
    assert (store.payload(STEP.address) / "deep" / "score.json").read_bytes() == b"payload"


def test_a_missing_or_cut_file_is_found_without_reading_it(tmp_path) -> None:
    store = Store(tmp_path)
    attempt = finish(store)
    (attempt / "deep" / "score.json").write_bytes(b"pay")
    with pytest.raises(Corrupt, match="another size"):
        store.record(STEP.address)
    (attempt / "deep" / "score.json").unlink()
    with pytest.raises(Corrupt, match="missing"):
        store.record(STEP.address)


def test_a_broken_part_is_as_good_as_none(tmp_path) -> None:
    store = Store(tmp_path)
    store.keep_part(STEP.address, "00000", b"one")
    store.keep_part(STEP.address, "00001", b"two")
    assert store.part(STEP.address, "00000") == b"one"
    path = next((store.folder(STEP.address) / "parts").glob("00001.*"))
    path.write_bytes(b"twO")
    assert store.part(STEP.address, "00001") is None
    store.keep_part(STEP.address, "00001", b"two")
    assert store.part(STEP.address, "00001") == b"two"


def test_a_journal_reads_through_to_its_parent_and_writes_to_itself(tmp_path) -> None:
    parent = Store(tmp_path / "parent")
    journal = Store(tmp_path / "journal", parent)
    finish(parent)
    other = Step("score", {"samples": 5}, {})
    finish(journal, other)
    assert journal.record(STEP.address) and journal.payload(STEP.address).is_relative_to(parent.root)
    assert parent.record(other.address) is None
    journal.discard(STEP.address)
    assert parent.record(STEP.address) is None


CLAIM = """
import sys, time
from pathlib import Path
from harness.store import Store
with Store(Path(sys.argv[1])).claim(sys.argv[2]) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_a_claim_ends_with_its_process_however_it_dies(tmp_path) -> None:
    store = Store(tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", CLAIM, str(tmp_path), STEP.address], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "True\n"
    with store.claim(STEP.address) as mine:
        assert not mine
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with store.claim(STEP.address) as mine:
        assert mine


def test_a_step_that_another_process_is_at_is_left_alone(tmp_path) -> None:
    store = Store(tmp_path)
    with store.claim(STEP.address):
        assert execute(STEP, store, print, {}, {}) is False
    assert not list(store.folder(STEP.address).glob("attempt-*"))


def test_a_step_that_fails_leaves_no_litter(tmp_path) -> None:
    store = Store(tmp_path)
    with pytest.raises(KeyError):
        execute(STEP, store, print, {}, {})  # it has no problems
    assert not list(store.folder(STEP.address).glob("attempt-*"))
    assert store.record(STEP.address) is None


def test_half_done_work_of_other_code_is_begun_again(tmp_path) -> None:
    store = Store(tmp_path)
    step = Step("train", {}, {}, title="a row")
    state = store.folder(step.address) / "work" / "state"
    for code, stays in (("old", True), ("old", True), ("new", False)):
        state.mkdir(parents=True, exist_ok=True)
        with pytest.raises(KeyError):
            execute(step, store, print, {}, {}, code)
        assert state.exists() == stays


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault, match=r"store cannot be written.*--store DIR"):
        open_store(tmp_path / "file" / "store")


def test_a_missing_folder_is_made(tmp_path) -> None:
    assert open_store(tmp_path / "not" / "yet").root.is_dir()


def small_disk(tmp_path: Path, megabytes: int) -> Path:
    """A file system of its own, so that it can be full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only root can mount a small disk")
    return disk


@pytest.mark.slow
def test_a_full_disk_is_one_message_and_nothing_is_lost(tmp_path, pretrained, finished, smoke_run, results_in) -> None:
    """The disk holds the models and a little more: training cannot save what it learned."""
    size = sum(path.stat().st_size for path in pretrained.rglob("*") if path.is_file()) / 2**20
    disk = small_disk(tmp_path, int(size) + 1)
    try:
        shutil.copytree(pretrained, disk / "store")
        ran = smoke_run(disk / "store", disk / "results")
        assert ran.returncode == 1
        said = [line for line in ran.stderr.splitlines() if line.startswith("harness:")]
        assert said == [f"harness: {disk / 'store'}: No space left on device. What is done is kept; make room and run the same command."]
        assert "Traceback" not in ran.stderr
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        again = smoke_run(disk / "store", disk / "results")
        assert again.returncode == 0, again.stderr
        assert results_in(disk / "results") == results_in(finished / "results")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def titled(stage: Path, title: str, reads: str | None = None) -> Path:
    """The folder of the step so called; `reads`: of several, the one in which the writer reads this."""
    records = {path.parent: json.loads(path.read_text()) for path in stage.glob("*/record.json")}
    found = [folder for folder, record in records.items() if record["title"].startswith(title)]
    return next(folder for folder in found if reads in (None, records[folder]["step"]["params"].get("reads", {}).get("type")))


@pytest.mark.slow
def test_bit_rot_in_a_finished_store_is_named_and_made_again(finished_copy, smoke_run, results_in) -> None:
    """A record is met at once. A payload is met when it is read: here, because what was made of it is gone."""
    store = finished_copy / "store"
    before = results_in(finished_copy / "results")
    shutil.rmtree(store / "construct")
    shutil.rmtree(titled(store / "train", "train · tiny · trd ·"))
    rewrite, score = titled(store / "generate", "rewrite", "WithAttempt"), titled(store / "score", "score tiny-exam · tiny student")
    payload = next(rewrite.rglob("*.parquet"))
    for path in (payload, score / "record.json"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
    ran = smoke_run(store, finished_copy / "results", "--only", "trd")
    assert ran.returncode == 0, ran.stderr
    assert f"again: score/{score.name}: record {score / 'record.json'} cannot be read" in ran.stderr
    assert f"{payload} does not match its hash; it is made again" in ran.stderr
    for folder in (rewrite, score):
        assert (folder / "record.corrupt.json").exists() and json.loads((folder / "record.json").read_text())
    assert results_in(finished_copy / "results") == before
