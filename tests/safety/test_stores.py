"""Stores of sweeps: damage is repaired or refused; two writers exclude each other; the free disk is checked."""

import json
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import zarr

import optax_lr as olr
from optax_lr.sweeps import folder, store

BATCH = olr.grid(olr.Cosine, learning_rate=np.linspace(0.1, 1, 4), max_steps=100)
BLOCK = 2 * 100 * 4  # two rows


@pytest.fixture
def path(tmp_path):
    olr.sweep_to(tmp_path / "s", BATCH, 100, block_bytes=BLOCK)
    return tmp_path / "s"


def _mark(path, complete):
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["attributes"]["complete"] = complete
    (path / "zarr.json").write_text(json.dumps(metadata))


def _empty(chunk):
    chunk.write_bytes(b"")


def _short(chunk):
    chunk.write_bytes(chunk.read_bytes()[:-9])


def _folder(chunk):
    chunk.unlink()
    chunk.mkdir()


def _flipped(chunk):
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)


def _zeros(chunk):
    chunk.write_bytes(bytes(len(chunk.read_bytes())))


def _link(chunk):
    chunk.unlink()
    chunk.symlink_to("nowhere")


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("damage", [Path.unlink, _empty, _short, _folder, _flipped, _zeros, _link])
def test_a_damaged_block_is_recomputed(path, damage, complete):
    _mark(path, complete)
    chunk = path / "learning_rate" / "c" / "1" / "0"
    other = path / "learning_rate" / "c" / "0" / "0"
    before = other.stat().st_mtime_ns
    damage(chunk)
    olr.sweep_to(path, BATCH, 100, block_bytes=BLOCK)
    group = zarr.open_group(path, mode="r")
    assert group.attrs["complete"] is True
    np.testing.assert_array_equal(group["learning_rate"][:], olr.sweep(BATCH, 100))
    assert other.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [_empty, _short, _flipped, _zeros])
def test_any_reader_refuses_a_damaged_block(path, damage):
    damage(path / "learning_rate" / "c" / "1" / "0")
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the codec raises
        zarr.open_group(path, mode="r")["learning_rate"][:]


def test_a_folder_with_files_instead_of_a_block_is_named(path):
    chunk = path / "learning_rate" / "c" / "1" / "0"
    _folder(chunk)
    (chunk / "notes").write_text("precious")
    with pytest.raises(OSError, match="this folder has the name of a block; remove it"):
        olr.sweep_to(path, BATCH, 100, block_bytes=BLOCK)
    assert (chunk / "notes").read_text() == "precious"


@pytest.mark.parametrize("name", ["zarr.json", "learning_rate/zarr.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"zarr_format": 3}', b"\xff\x00", b'{"a":' * 100_000])
def test_damaged_metadata_is_refused_in_one_line(path, name, content):
    (path / name).write_bytes(content)
    with pytest.raises(OSError, match="sweep_to") as caught:
        olr.sweep_to(path, BATCH, 100, block_bytes=BLOCK)
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)


def test_incomplete_labels_are_written_again(path):
    _mark(path, False)
    (path / "step" / "c" / "0").write_bytes(b"")
    (path / "peak_learning_rate" / "zarr.json").unlink()
    (path / "learning_rate" / "c" / "0" / "0.1234.partial").write_bytes(b"half")
    olr.sweep_to(path, BATCH, 100, block_bytes=BLOCK)
    group = zarr.open_group(path, mode="r")
    np.testing.assert_array_equal(group["step"][:], np.arange(100))
    np.testing.assert_allclose(group["peak_learning_rate"][:], np.linspace(0.1, 1, 4), rtol=1e-6)
    assert not list(path.rglob("*.partial"))


def test_a_kill_during_the_creation_of_a_store_is_resumed(path, tmp_path, monkeypatch):
    done = []

    def stops_after(number):
        create = zarr.Group.create_array

        def created(*arguments, **more):
            if len(done) == number:
                raise SystemExit
            done.append(1)
            return create(*arguments, **more)

        monkeypatch.setattr(zarr.Group, "create_array", created)
        monkeypatch.setattr(store, "remove_store", lambda path: None)  # a kill removes nothing

    for number in range(3):
        new = tmp_path / f"killed{number}"
        with monkeypatch.context():
            stops_after(number)
            done.clear()
            with pytest.raises(SystemExit):
                olr.sweep_to(new, BATCH, 100, block_bytes=BLOCK)
            monkeypatch.undo()
        assert folder.metadata(str(new))["complete"] is False
        olr.sweep_to(new, BATCH, 100, block_bytes=BLOCK)
        np.testing.assert_array_equal(zarr.open_group(new)["learning_rate"][:], olr.sweep(BATCH, 100))


def test_two_writers_of_one_store(tmp_path, monkeypatch):
    path, started, go = tmp_path / "s", threading.Event(), threading.Event()
    computed = store.computed

    def slow(*arguments):
        started.set()
        go.wait(30)
        yield from computed(*arguments)

    monkeypatch.setattr(store, "computed", slow)
    first = threading.Thread(target=olr.sweep_to, args=(path, BATCH, 100))
    first.start()
    assert started.wait(30)
    with pytest.raises(BlockingIOError, match=r"another process is writing .*; wait until it ends"):
        olr.sweep_to(path, BATCH, 100)
    go.set()
    first.join()
    olr.sweep_to(path, BATCH, 100)
    np.testing.assert_array_equal(zarr.open_group(path)["learning_rate"][:], olr.sweep(BATCH, 100))


def test_data_are_synced_before_the_store_is_complete(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        store, "sync", lambda path: synced.append((path, folder.metadata(str(tmp_path / "s"))["complete"]))
    )
    olr.sweep_to(tmp_path / "s", BATCH, 100, block_bytes=BLOCK)
    assert [Path(path).relative_to(tmp_path / "s" / "learning_rate" / "c").parts for path, _ in synced] == [
        ("0", "0"),
        ("1", "0"),
    ]
    assert not any(complete for _, complete in synced)


Usage = namedtuple("Usage", "total used free")  # noqa: PYI024


def test_the_free_disk_is_checked_first(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**6, 0, 10**6))
    big = olr.grid(olr.Cosine, learning_rate=np.linspace(0.1, 1, 300), max_steps=10_000)
    with pytest.raises(
        OSError, match=r"300 x 10,000 rates need about [\d.]+ MiB of disk, and [\d.]+ (bytes|KiB|MiB) are free at"
    ):
        olr.sweep_to(tmp_path / "s", big, 10_000)
    assert not list(tmp_path.iterdir())
    # What compresses well is not refused: one rate for all steps.
    flat = olr.grid(olr.Constant, learning_rate=np.linspace(0.1, 1, 300))
    olr.sweep_to(tmp_path / "s", flat, 10_000)


@pytest.mark.parametrize("name", ["learning_rate", "learning_rate/c", "learning_rate/c/1", "step"])
@pytest.mark.parametrize("complete", [True, False])
def test_a_link_in_a_store_is_not_followed(path, tmp_path, name, complete):
    _mark(path, complete)
    (path / name).rename(tmp_path / "elsewhere")
    (path / name).symlink_to(tmp_path / "elsewhere")
    before = {file: file.read_bytes() for file in (tmp_path / "elsewhere").rglob("*") if file.is_file()}
    with pytest.raises(FileExistsError, match="is a link, which no sweep wrote"):
        olr.sweep_to(path, BATCH, 100, block_bytes=BLOCK)
    with pytest.raises(FileExistsError, match="which no sweep wrote"):
        olr.sweep_to(path, BATCH, 50, block_bytes=BLOCK, overwrite=True)
    assert {file: file.read_bytes() for file in (tmp_path / "elsewhere").rglob("*") if file.is_file()} == before


def test_an_empty_folder_may_become_a_store(tmp_path):
    (tmp_path / "s").mkdir()
    olr.sweep_to(tmp_path / "s", BATCH, 100)
    assert folder.metadata(str(tmp_path / "s"))["complete"] is True


def test_a_path_with_a_null_character_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"sweep_to\(\): path must be .* without a null character"):
        olr.sweep_to("a\0b", BATCH, 100)
