"""Model files: there and back, what is refused and in which words, and files that mean harm."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.fitting.model_file import load_model, save_model
from chainrule.fitting.problem import InputError

ARRAYS = {
    "w": np.arange(12.0).reshape(3, 4),
    "b": np.array(2.5, np.float32),
    "codes": np.array([[1, -2]], np.int64),
    "flags": np.array([True, False, True]),
    "none": np.zeros((0, 3)),
}
FACTS = {"columns": ["größe", "preis"], "scale": [1.5, 1e-300], "deep": {"a": None, "b": True}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_model(tmp_path / "model.safetensors", "table", ARRAYS, FACTS)
    return tmp_path / "model.safetensors"


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write(path: Path, header: Any, data: bytes, sign: bool = True) -> None:
    """A file of this header and data, with a right checksum: one that someone made on purpose."""
    if sign:
        meta = header["__metadata__"]
        crc = zlib.crc32(data, zlib.crc32(meta["facts"].encode(), zlib.crc32(meta["kind"].encode())))
        meta["crc32"] = f"{crc:08x}"
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        load_model(path, ["table"])
    assert error.value.file == str(path)
    return str(error.value).replace(str(path), "FILE")


def broken(why: str) -> str:
    return (
        "FILE is not a model file of chainrule, or not a whole one\n"
        f"  came:     {why}\n"
        "  fix:      make the file anew, or copy it again from where it is whole"
    )


def test_there_and_back(path: Path) -> None:
    kind, arrays, facts = load_model(path, ["formula", "table"])
    assert kind == "table"
    assert facts == FACTS
    assert set(arrays) == set(ARRAYS)
    for name, a in ARRAYS.items():
        assert arrays[name].dtype == a.dtype
        assert arrays[name].shape == a.shape
        assert arrays[name].flags.writeable
        assert arrays[name].flags.aligned
        np.testing.assert_array_equal(arrays[name], a)


def test_other_programs_read_it(path: Path) -> None:
    found = pytest.importorskip("safetensors.numpy").load_file(path)
    assert set(found) == set(ARRAYS)
    for name, a in ARRAYS.items():
        np.testing.assert_array_equal(found[name], a)


def test_a_non_contiguous_array_is_saved_by_its_values(tmp_path: Path) -> None:
    a = np.arange(12.0).reshape(3, 4)[::2, ::-1]
    save_model(tmp_path / "m", "table", {"a": a}, {})
    np.testing.assert_array_equal(load_model(tmp_path / "m", ["table"])[1]["a"], a)


# ----- what cannot be saved


def test_numbers_that_are_not_finite_are_not_saved(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError) as error:
        save_model(path, "table", {"w": np.array([1.0, np.nan])}, {})
    assert str(error.value) == (
        "the model cannot be saved: w has values that are not finite\n"
        "  fix:      train again with a smaller learning rate, or look for extreme values in the data"
    )
    with pytest.raises(ValueError, match="JSON compliant"):
        save_model(path, "table", {}, {"scale": float("inf")})
    with pytest.raises(TypeError, match="no file can hold 'o', an array of object"):
        save_model(path, "table", {"o": np.array([1, None])}, {})
    assert path.read_bytes() == before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        save_model(tmp_path / "no" / "m", "table", {}, {})
    assert str(error.value) == f"cannot write {tmp_path / 'no' / 'm'}\n  came:     the folder does not exist"


# ----- what is not read


def test_a_missing_file_a_folder_and_a_pipe(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "cannot read FILE\n  came:     No such file or directory"
    assert refused(tmp_path) == "cannot read FILE\n  came:     Is a directory"
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == "FILE is not a file\n  fix:      give the path of a model file"


def test_another_version(path: Path) -> None:
    header, data = parts(path)
    header["__metadata__"]["chainrule"] = "2"
    header["__metadata__"]["new"] = "thing"
    write(path, header, data)
    assert refused(path) == (
        "FILE was written in another version of the format\n  came:     2\n  expected: 1\n"
        "  fix:      read it with the chainrule that wrote it, or make it anew with this one"
    )


def test_another_kind(path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_model(path, ["formula", "checkpoint"])
    assert str(error.value) == (
        f"{path} is a file of another kind\n  came:     table\n  expected: formula or checkpoint"
    )


def test_a_file_of_other_programs(path: Path) -> None:
    write(path, {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4), sign=False)
    assert refused(path) == broken("its header has no entry of chainrule")
    path.write_bytes(b"%PDF-1.7 is something else altogether")
    assert refused(path) == broken("it is too short")
    path.write_bytes(b"")
    assert refused(path) == broken("it is empty")
    write(path, b"{not json}", b"", sign=False)
    assert refused(path) == broken("its header is not JSON")


def test_every_truncation_is_noticed(path: Path) -> None:
    data = path.read_bytes()
    for n in range(len(data)):
        path.write_bytes(data[:n])
        assert refused(path).startswith("FILE is not a model file of chainrule, or not a whole one")
    path.write_bytes(data + b"\0")
    assert refused(path) == broken("its header and its arrays do not fit")


def test_every_flipped_bit_of_the_arrays_is_noticed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    for i in range(start * 8, len(data) * 8):
        data[i // 8] ^= 1 << i % 8
        path.write_bytes(data)
        assert refused(path) == broken("its checksum is wrong")
        data[i // 8] ^= 1 << i % 8


def changed(header: dict[str, Any], name: str, **entry: Any) -> None:
    header[name] = {**header[name], **entry}


MISFITS = {
    "an unknown dtype": lambda h: changed(h, "w", dtype="F4096"),
    "a dtype of another size": lambda h: changed(h, "w", dtype="F32"),
    "a dtype that is a list": lambda h: changed(h, "w", dtype=[]),
    "a negative size": lambda h: changed(h, "w", shape=[-3, -4]),
    "a size that is a float": lambda h: changed(h, "w", shape=[3.0, 4]),
    "a size that is a boolean": lambda h: changed(h, "w", shape=[True, 12]),
    "a huge shape": lambda h: changed(h, "w", shape=[1 << 33, 1 << 33, 0]),
    "a shape of many dimensions": lambda h: changed(h, "w", shape=[1] * 100 + [12]),
    "bytes beyond the end": lambda h: changed(h, "w", data_offsets=[0, 1 << 33], shape=[1 << 30]),
    "bytes that overlap": lambda h: h.update(x=dict(h["w"])),
    "bytes in no order": lambda h: changed(h, "w", data_offsets=[96, 0]),
    "a hole": lambda h: h.pop("codes"),
    "bytes that nobody has": lambda h: h.pop("flags"),
    "an entry that is no dict": lambda h: h.update(w=3),
    "an entry with more keys": lambda h: changed(h, "w", code="import os"),
    "no offsets": lambda h: h["w"].pop("data_offsets"),
    "offsets of other types": lambda h: changed(h, "w", data_offsets=["0", None]),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_header_that_lies_is_refused(misfit: str, path: Path) -> None:
    header, data = parts(path)
    MISFITS[misfit](header)
    write(path, header, data)
    assert refused(path) == broken("its header and its arrays do not fit")


def test_booleans_are_zero_or_one(path: Path) -> None:
    header, data = parts(path)
    write(path, header, data[:-1] + b"\x02")
    assert refused(path) == broken("it has booleans that are neither true nor false")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ("[]", "its facts are not a JSON object"),
        ('{"a": NaN}', "its facts are not JSON"),
        ('{"a": 1e999', "its facts are not JSON"),
        ('{"a":' + "[" * 100_000, "its facts are not JSON"),
    ],
)
def test_facts_that_are_no_facts(facts: str, why: str, path: Path) -> None:
    header, data = parts(path)
    header["__metadata__"]["facts"] = facts
    write(path, header, data)
    assert refused(path) == broken(why)


def test_metadata_that_no_version_has(path: Path) -> None:
    header, data = parts(path)
    header["__metadata__"]["hook"] = "os.system"
    write(path, header, data)
    assert refused(path) == broken("its metadata has other entries than this version writes")
    header["__metadata__"]["hook"] = {"a": 1}
    write(path, header, data)
    assert refused(path) == broken("its header has entries that are not text")


def test_numbers_that_are_not_finite_are_not_read(path: Path) -> None:
    header, data = parts(path)
    start = header["w"]["data_offsets"][0]
    write(path, header, data[:start] + np.array([np.inf]).tobytes() + data[start + 8 :])
    assert refused(path) == broken("it has numbers that are not finite")


def test_a_key_twice_is_refused(path: Path) -> None:
    header, data = parts(path)
    text = json.dumps(header)
    write(path, (text[:-1] + ', "w": ' + json.dumps(header["w"]) + "}").encode(), data, sign=False)
    assert refused(path) == broken("its header is not JSON")


# ----- ten thousand files that mean harm

EVIL = [
    "__import__('os').system('touch harm')",
    "!!python/object/apply:os.system",
    "cos\nsystem\n(S'id'\ntR.",
]


def mutated(header: dict[str, Any], data: bytes, draw: random.Random) -> tuple[Any, bytes, bool]:
    """A file with one to four things changed, and whether its checksum is made right again."""
    header = json.loads(json.dumps(header))
    values = [0, -1, 1, 2.5, 1 << 40, 1 << 62, 10**400, None, True, [], {}, "F64", "F32", *EVIL]
    for _ in range(draw.randint(1, 4)):
        name = draw.choice([k for k in header if k != "__metadata__"] or ["w"])
        entry = header.get(name)
        what = draw.randrange(8)
        if what == 0:
            header[draw.choice([*EVIL, name, "__metadata__x"])] = draw.choice(values)
        elif what == 1 and isinstance(entry, dict) and entry:
            entry[draw.choice(list(entry))] = draw.choice(values)
        elif what == 2 and isinstance(entry, dict):
            for key in ("shape", "data_offsets"):
                if isinstance(entry.get(key), list) and entry[key]:
                    entry[key][draw.randrange(len(entry[key]))] = draw.choice(values)
        elif what == 3:
            header.pop(name, None)
        elif what == 4:
            header["__metadata__"]["facts"] = draw.choice([*EVIL, json.dumps(draw.choice(values)), "{}"])
        elif what == 5 and data:
            at = draw.randrange(len(data))
            data = data[:at] + draw.randbytes(draw.randint(0, 9)) + data[at + draw.randint(0, 9) :]
        elif what == 6:
            data = data[: draw.randrange(len(data) + 1)]
        else:
            text = bytearray(json.dumps(header).encode())
            for _ in range(draw.randint(1, 6)):
                text[draw.randrange(len(text))] = draw.randrange(256)
            return bytes(text), data, False
    return header, data, draw.random() < 0.9


def test_ten_thousand_mutated_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else path.parent  # a disk takes milliseconds for each
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        monkeypatch.chdir(folder)
        meet_mutated_files(*parts(path), Path(folder, "model"))
        assert os.listdir() == ["model"]
        monkeypatch.undo()


def meet_mutated_files(header: dict[str, Any], data: bytes, path: Path) -> None:
    draw = random.Random(5)
    read = 0
    for _ in range(10_000):
        write(path, *mutated(header, data, draw))
        try:
            kind, arrays, facts = load_model(path, ["table"])
        except InputError:
            continue
        read += 1
        assert kind == "table"
        assert type(facts) is dict
        assert all(type(a) is np.ndarray and np.isfinite(a).all() for a in arrays.values())
    assert 100 < read < 5_000  # some changes do no harm; most are noticed


def test_a_header_that_claims_the_moon_costs_no_memory(tmp_path: Path) -> None:
    """A process that may take 64 MB more meets 8 GB, a header of 2^62 bytes and an empty terabyte."""
    header = {
        "w": {"dtype": "F64", "shape": [1 << 30], "data_offsets": [0, 1 << 33]},
        "__metadata__": {"chainrule": "1", "kind": "table", "facts": "{}"},
    }
    write(tmp_path / "a", header, bytes(100))
    (tmp_path / "b").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    with open(tmp_path / "c", "wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    code = """
import resource, sys
from chainrule.fitting.model_file import load_model
from chainrule.fitting.problem import InputError
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))
for path in sys.argv[1:]:
    try:
        load_model(path, ["table"])
    except InputError as error:
        print(str(error).splitlines()[1].strip())
"""
    if not Path("/proc/self/statm").exists() or not hasattr(resource, "RLIMIT_AS"):
        pytest.skip("the memory of a process is read from /proc")
    done = subprocess.run(
        [sys.executable, "-c", code, *(str(tmp_path / name) for name in "abc")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "came:     its header and its arrays do not fit",
        "came:     it is too short",
        "came:     1099511627776 bytes are more than any such file has",
    ]
