"""Files that are not configs are refused quickly in one line, whichever trainer they resemble."""

import time

import pytest

import optax_lr as olr

BOMB = (
    "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 25)) + "learning_rate: 1\n"
)


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.sh"])
@pytest.mark.parametrize(
    "content",
    [
        b"", b"a\0b", b"\xff\xfel\x00", "x: é".encode("latin-1"), b"[" * 5000, b'{"a":' * 5000, b"x" * (2**18),
        b"a: 1\n" * 50000, b"- a\n" * 60000, b"$(" * 20000, b"'" * 1001, b"\\" * 3001, BOMB.encode(),
        BOMB.replace("[", "{<<: [").replace("]", "]}").encode(), b"a: &a [*a]\nlearning_rate: 1\n",
        b"learning_rate: !!python/object/apply:os.abort []\n", b"!!python/object:x {}\n", b"? [a]\n: 2\n",
        b"learning_rate: " + b"9" * 5000,
    ],
)  # fmt: skip
def test_hostile_files_are_refused_quickly_in_one_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(olr.ConfigError) as caught:
        olr.read_configs(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert time.perf_counter() - start < 2


def test_large_files_are_not_read(tmp_path):
    path = tmp_path / "a.yaml"
    with open(path, "wb") as file:
        file.truncate(10**8)
    with pytest.raises(olr.ConfigError, match="100,000,000 bytes are too many for a config"):
        olr.read_config(path)
    with pytest.raises(olr.ConfigError, match="this is not a regular file"):
        olr.read_config("/dev/zero")
    with pytest.raises(ValueError, match=r"must be the path of a file.*without a null character"):
        olr.read_config("a\0b")
