"""The object cache: what is found, what is refused, and what happens when the disk does not play along."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.compiler import cache, engine
from chainrule.compiler.builder import Module, i64
from chainrule.compiler.cache import cached_object, clear, contents, folder, key_of
from chainrule.compiler.target import host, named

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX")


def text_of(value: int, target=None) -> str:
    module = Module(target or host())
    f = module.function("answer", (), "i64", internal=False)
    f.ret(i64(value))
    return str(module)


@pytest.fixture
def place(tmp_path, monkeypatch):
    made = tmp_path / "cache"
    monkeypatch.setenv("CHAINRULE_CACHE", str(made))
    return made


@pytest.fixture
def compiled(monkeypatch):
    """The texts that were compiled, not found."""
    seen = []

    def counted(text, target, **options):
        seen.append(text)
        return real(text, target, **options)

    real = engine.object_code
    monkeypatch.setattr(engine, "object_code", counted)
    return seen


def files(place):
    return sorted(p.name for p in place.iterdir())


def run(text):
    import ctypes

    library = engine.load(text, ("answer",), cache=True)
    return ctypes.CFUNCTYPE(ctypes.c_int64)(library.address("answer"))()


def test_the_second_time_it_is_found(place, compiled):
    code = cached_object(text_of(1), host())
    assert cached_object(text_of(1), host()) == code and len(compiled) == 1
    assert cached_object(text_of(2), host()) != code and len(compiled) == 2
    assert len(files(place)) == 2 and contents() == (place, 2, sum(p.stat().st_size for p in place.iterdir()))


def test_what_is_found_runs(place, compiled):
    assert [run(text_of(41)) for _ in range(3)] == [41] * 3
    assert len(compiled) == 1


def test_load_keeps_nothing_unasked(place):
    engine.load(text_of(1), ("answer",))
    assert not place.exists()


@posix
def test_folder_and_files_are_the_users_own(place):
    cached_object(text_of(1), host())
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert [stat.S_IMODE(p.stat().st_mode) for p in place.iterdir()] == [0o600]


@pytest.mark.parametrize("value", ["0", "off", "OFF"])
def test_off(monkeypatch, tmp_path, compiled, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAINRULE_CACHE", value)
    for _ in range(2):
        assert cached_object(text_of(1), host())
    assert len(compiled) == 2 and not files(tmp_path) and folder() is None
    assert contents() == clear() == (None, 0, 0)


@pytest.mark.parametrize(
    ("platform", "names", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/chainrule"),
        ("linux", {"HOME": "/h"}, "/h/.cache/chainrule"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/chainrule"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/chainrule"),
    ],
)
def test_the_users_cache_folder(monkeypatch, platform, names, expected):
    for name in ("CHAINRULE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert folder() == Path(expected)


def test_no_home(monkeypatch, compiled):
    for name in ("CHAINRULE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(cache.Path, "home", no_home)
    assert folder() is None and cached_object(text_of(1), host()) and len(compiled) == 1


# ----- keys


def test_keys_tell_everything_apart():
    t = host()
    others = [t._replace(cpu="other"), t._replace(features=t.features + ",+x"), t._replace(triple="other")]
    keys = {key_of("a", t), key_of("b", t), *(key_of("a", each) for each in others)}
    assert len(keys) == 5


@pytest.mark.parametrize("what", ["__version__", "GENERATOR", "llvm", "llvmlite", "python"])
def test_keys_tell_versions_apart(monkeypatch, what):
    import llvmlite
    import llvmlite.binding

    import chainrule

    before = key_of("a", host())
    place, name, value = {
        "__version__": (chainrule, "__version__", "0.0"),
        "GENERATOR": (cache, "GENERATOR", 0),
        "llvm": (llvmlite.binding, "llvm_version_info", (1, 2, 3)),
        "llvmlite": (llvmlite, "__version__", "0.0"),
        "python": (sys, "implementation", type(sys.implementation)(cache_tag="other")),
    }[what]
    cache.versions.cache_clear()
    monkeypatch.setattr(place, name, value)
    assert key_of("a", host()) != before
    monkeypatch.undo()
    cache.versions.cache_clear()
    assert key_of("a", host()) == before


def test_code_for_another_processor_is_another_entry(place, compiled):
    target = named("aarch64")
    mine, other = cached_object(text_of(1), host()), cached_object(text_of(1, target), target)
    assert mine != other and len(files(place)) == 2


# ----- damage


def damaged(place, change):
    """One entry, changed on disk; its path and its text."""
    text = text_of(5)
    cached_object(text, host())
    (path,) = place.iterdir()
    path.write_bytes(change(path.read_bytes()))
    return path, text


@pytest.mark.parametrize("at", range(12))
def test_a_flipped_bit_is_noticed(place, compiled, at):
    def flip(data):
        where = at * (len(data) - 1) // 11
        return data[:where] + bytes([data[where] ^ 1 << at % 8]) + data[where + 1 :]

    path, text = damaged(place, flip)
    broken = path.read_bytes()
    assert run(text) == 5 and len(compiled) == 2
    assert path.read_bytes() != broken
    assert run(text) == 5 and len(compiled) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda d: b"",
        lambda d: d[:20],
        lambda d: d[:-1],
        lambda d: d + b"\0",
        lambda d: d[88:],
        lambda d: b"\0" * 200,
    ],
    ids=["empty", "half a header", "short", "long", "no header", "zeros"],
)
def test_a_damaged_file_is_compiled_anew(place, compiled, change):
    path, text = damaged(place, change)
    assert run(text) == 5 and len(compiled) == 2
    assert len(files(place)) == 1


def test_an_entry_under_another_key_is_refused(place, compiled):
    for value in (1, 2):
        cached_object(text_of(value), host())
    one, two = (place / (key_of(text_of(value), host()).hex() + ".object") for value in (1, 2))
    two.write_bytes(one.read_bytes())
    assert run(text_of(2)) == 2 and len(compiled) == 3


def test_another_version_of_the_format_is_refused(place, compiled, monkeypatch):
    monkeypatch.setattr(cache, "_VERSION", 0)
    cached_object(text_of(1), host())
    monkeypatch.undo()
    monkeypatch.setenv("CHAINRULE_CACHE", str(place))
    assert cache.read(key_of(text_of(1), host())) is None


# ----- trust


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_to_is_not_used(place, compiled, mode):
    cached_object(text_of(1), host())
    place.chmod(mode)
    assert run(text_of(1)) == 1 and len(compiled) == 2
    assert run(text_of(3)) == 3 and len(files(place)) == 1
    place.chmod(0o755)
    assert run(text_of(1)) == 1 and len(compiled) == 3


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_to_is_not_used(place, compiled, mode):
    cached_object(text_of(1), host())
    (path,) = place.iterdir()
    path.chmod(mode)
    assert run(text_of(1)) == 1 and len(compiled) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_what_belongs_to_another_user_is_not_used(place, compiled, monkeypatch):
    cached_object(text_of(1), host())
    monkeypatch.setattr(os, "getuid", lambda: 12345678)
    assert run(text_of(1)) == 1 and len(compiled) == 2


@posix
def test_links_are_not_followed(place, compiled, tmp_path):
    path, text = damaged(place, lambda data: data)
    moved = tmp_path / "elsewhere"
    path.rename(moved)
    path.symlink_to(moved)
    assert run(text) == 5 and len(compiled) == 2
    assert not path.is_symlink() and moved.exists()
    (tmp_path / "link").symlink_to(place)
    assert cache._usable(tmp_path / "link") is None


# ----- a disk that does not play along


@pytest.mark.parametrize("call", ["replace", "mkdir", "mkstemp", "utime", "scandir"])
def test_errors_of_the_system_cost_only_time(place, monkeypatch, call):
    def fails(*args, **kwargs):
        raise OSError(28, "No space left on device")

    owner = {"mkdir": cache.Path, "mkstemp": cache.tempfile}.get(call, os)
    monkeypatch.setattr(owner, call, fails)
    assert [run(text_of(7)) for _ in range(2)] == [7, 7]
    monkeypatch.undo()
    assert not place.exists() or not [p for p in files(place) if p.endswith(".partial")]


def test_a_file_in_the_folders_place(place, compiled):
    place.write_text("not a folder")
    assert run(text_of(7)) == 7 and place.read_text() == "not a folder"
    assert contents() == (place, 0, 0)


# ----- size


def test_what_was_unused_for_longest_goes_first(place, monkeypatch, compiled):
    for value in range(4):
        cached_object(text_of(value), host())
    paths = [place / (key_of(text_of(value), host()).hex() + ".object") for value in range(4)]
    for age, path in enumerate(paths):
        os.utime(path, (1000 + age, 1000 + age))
    size = max(p.stat().st_size for p in paths)
    cached_object(text_of(0), host())  # used now
    (place / "mine.txt").write_text("x" * 10_000)
    monkeypatch.setattr(cache, "LIMIT", 3 * size + size // 2)
    monkeypatch.setattr(cache, "_SELDOM", 1)
    cached_object(text_of(9), host())
    assert [p.exists() for p in paths] == [True, False, False, True]
    assert (place / "mine.txt").exists() and contents().bytes <= cache.LIMIT


def test_clear(place, compiled):
    for value in range(3):
        cached_object(text_of(value), host())
    (place / "left.partial").write_bytes(b"1234")
    (place / "mine.txt").write_text("x")
    before = contents()
    assert before.entries == 4 and clear() == before
    assert files(place) == ["mine.txt"] and contents() == (place, 0, 0)


FILL = """
import sys
from chainrule.compiler import cache
from chainrule.compiler.builder import Module, i64
from chainrule.compiler.target import host
for round in range(3):
    for value in range(12):
        module = Module(host())
        module.function("answer", (), "i64", internal=False).ret(i64(value))
        code = cache.cached_object(str(module), host())
        if len(sys.argv) > 1 and value % 4 == round: cache.clear()
        assert code[:4] == b"\\x7fELF" or code[:4], code[:8]
"""


def test_four_processes_at_once(place, compiled):
    running = [
        subprocess.Popen([sys.executable, "-c", FILL, *(["clear"] if k == 3 else [])], stderr=subprocess.PIPE)
        for k in range(4)
    ]
    assert [each.communicate(timeout=120)[1] for each in running] == [b""] * 4
    assert [each.returncode for each in running] == [0] * 4
    assert not [name for name in files(place) if not name.endswith(".object")]
    for value in range(12):
        assert run(text_of(value)) == value
    compiled.clear()
    for value in range(12):
        assert run(text_of(value)) == value
    assert not compiled
