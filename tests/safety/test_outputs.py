"""Output files are written completely or not at all, replace no folder, and keep their permissions and links."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import optax_lr as olr
from optax_lr import outputs
from optax_lr.outputs import OutputError, check_output, write_output
from tests.safety.commands import run

HERE = Path(__file__).parents[2]
WRONG = "learning_rate: 1.0e-4\nlr_scheduler_type: cosine\nmax_steps: 100\nwarmup_steps: 90\n"


@pytest.fixture(params=["unnamed", "named"])
def kind(request, monkeypatch):
    """With and without support for unnamed files."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return request.param


def test_replaced_files_keep_their_permissions_and_links(tmp_path, kind):
    path, link = tmp_path / "a.txt", tmp_path / "link"
    write_output(path, b"one", overwrite=False)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to("a.txt")
    write_output(link, lambda file: file.write(b"two"), overwrite=True)
    assert link.is_symlink()
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    write_output(tmp_path / "copy", b"three", overwrite=False, mode_of=path)
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "copy", "link"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_folders_dangling_links_and_devices_are_refused(tmp_path, overwrite, kind):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes").write_text("precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "to_folder").symlink_to("folder")
    os.mkfifo(tmp_path / "fifo")
    for name, why in [
        ("folder", "this is a folder, and no folder is ever replaced"),
        ("to_folder", "this is a folder"),
        ("dangling", "this link leads to no file"),
        ("fifo", "this is not a regular file"),
        ("no/where", "cannot be written|the folder .* does not exist"),
        ("x" * 300, "cannot be written: File name too long"),
        ("a\0b", "cannot be written"),
    ]:
        for call in (
            lambda path: check_output(path, overwrite=overwrite),
            lambda path: write_output(path, b"", overwrite=overwrite),
        ):
            with pytest.raises(OutputError, match=why) as caught:
                call(tmp_path / name)
            assert len(str(caught.value).splitlines()) == 1
    assert (tmp_path / "folder" / "notes").read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


def test_a_failure_leaves_only_the_old_file(tmp_path, kind):
    path = tmp_path / "a"
    path.write_text("old")

    def broken(file):
        file.write(b"half")
        raise KeyboardInterrupt

    for overwrite in (True, False):
        with pytest.raises(KeyboardInterrupt):
            write_output(path if overwrite else tmp_path / "new", broken, overwrite=overwrite)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_another_process_creates_is_not_overwritten(tmp_path, kind):
    path = tmp_path / "a"

    def slow(file):
        path.write_text("another's")

    with pytest.raises(OutputError, match="another program has just written this file"):
        write_output(path, slow, overwrite=False)
    assert path.read_text() == "another's"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="other platforms may leave a temporary file after a kill")
def test_a_killed_writer_leaves_nothing(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from optax_lr.outputs import write_output\n"
        "def slow(file):\n    file.write(b'x' * 10**6); print('now', flush=True); time.sleep(60)\n"
        "write_output(Path(sys.argv[1]), slow, overwrite=False)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "a")], stdout=subprocess.PIPE, cwd=HERE)
    assert child.stdout.readline() == b"now\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["lint", "in.yaml", "--fix", "keep"], "keep"),
        (["recommend", "--out", "keep"], "keep"),
        (["convert", "in.yaml", "--to", "axolotl", "--out", "keep"], "keep"),
        (["show", "in.yaml", "--png", "keep.png"], "keep.png"),
        (["compare", "in.yaml", "in.yaml", "--png", "keep.png"], "keep.png"),
        (["sweep", "in.yaml", "--png", "keep.png"], "keep.png"),
        (["sweep", "in.yaml", "--out", "keep.parquet"], "keep.parquet"),
        (["sweep", "in.yaml", "--out", "keep.zarr"], "keep.zarr"),
        (["sweep", "in.yaml", "--html", "keep.html"], "keep.html"),
        (["explore", "in.yaml", "--html", "keep.html"], "keep.html"),
        (["audit", "log.jsonl", "--html", "keep.html"], "keep.html"),
        (["audit", "log.jsonl", "--png", "keep.png"], "keep.png"),
    ],
)
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_no_option_replaces_a_folder_or_follows_a_dangling_link(tmp_path, monkeypatch, arguments, folder, force):
    monkeypatch.chdir(tmp_path)
    Path("in.yaml").write_text(WRONG)
    Path("log.jsonl").write_text("".join(f'{{"step": {n}, "learning_rate": {1e-4 * (1 - n / 9)}}}\n' for n in range(9)))
    Path(folder).mkdir()
    (Path(folder) / "data").write_text("precious")
    done = run(*arguments, *force)
    assert done.code == 2, done
    assert len(done.err.splitlines()) == 1
    assert (Path(folder) / "data").read_text() == "precious"
    (Path(folder) / "data").unlink()
    Path(folder).rmdir()
    Path(folder).symlink_to("nowhere")
    assert run(*arguments, *force).code == 2
    assert Path(folder).is_symlink()
    assert not Path("nowhere").exists()


def test_the_command_line_resumes_a_store_and_replaces_only_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.yaml").write_text(WRONG)
    first = run("sweep", "in.yaml", "--out", "s.zarr")
    assert first.code == 0, first
    when = Path("s.zarr/learning_rate/c/0/0").stat().st_mtime_ns
    assert run("sweep", "in.yaml", "--out", "s.zarr").code == 0  # the same one again
    assert Path("s.zarr/learning_rate/c/0/0").stat().st_mtime_ns == when
    other = ("sweep", "in.yaml", "--learning-rate", "1e-5,1e-4", "--out", "s.zarr")
    refused = run(*other)
    assert refused.code == 2
    assert "holds another sweep" in refused.err
    Path("s.zarr/learning_rate/c/notes").write_text("precious")
    assert run(*other, "--force").code == 2
    assert Path("s.zarr/learning_rate/c/notes").read_text() == "precious"
    Path("s.zarr/learning_rate/c/notes").unlink()
    assert run(*other, "--force").code == 0
    assert sorted(os.listdir()) == ["in.yaml", "s.zarr"]


def test_every_output_is_written_by_write_output():
    """Every file that a command writes goes through `write_output`, or is a store."""
    folder = Path(olr.__file__).parent
    own = {Path(outputs.__file__), folder / "monitor" / "sinks.py", folder / "sweeps" / "folder.py"}
    for path in set(folder.rglob("*.py")) - own:
        text = path.read_text()
        for way in (".write_text(", ".write_bytes(", "os.replace(", "rmtree(", 'open(path, "w', "mkdtemp"):
            assert way not in text, f"{path.name} has {way}"


def test_writing_is_quick(tmp_path):
    start = time.perf_counter()
    for number in range(20):
        write_output(tmp_path / str(number), b"x", overwrite=False)
    assert time.perf_counter() - start < 5
