"""Event files: the format by hand, and what TensorBoard's own reader finds in them."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from chainrule.fitting.history import History
from chainrule.fitting.problem import InputError
from chainrule.fitting.tensorboard import masked_crc


@pytest.fixture
def history() -> History:
    made = History()
    for epoch in range(1, 301):
        made.add(epoch, loss=1 / epoch, lr=0.1, time=epoch * 0.5, **{"val_loss/größe": 2.0 / epoch})
    made.add(1 << 40, loss=math.inf)
    return made


def test_checksums_are_those_of_the_castagnoli_polynomial() -> None:
    def unmasked(data: bytes) -> int:
        rotated = (masked_crc(data) - 0xA282EAD8) & 0xFFFFFFFF
        return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF

    # the test vectors of RFC 3720, appendix B.4
    assert unmasked(bytes(32)) == 0x8A9136AA
    assert unmasked(b"\xff" * 32) == 0x62A8AB43
    assert unmasked(bytes(range(32))) == 0x46DD794E


def test_the_file_is_whole_records_with_right_checksums(history: History, tmp_path) -> None:
    data = history.to_tensorboard(tmp_path / "runs").read_bytes()
    at, count = 0, 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        assert struct.unpack_from("<I", data, at + 8)[0] == masked_crc(data[at : at + 8])
        body = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked_crc(body)
        at, count = at + 16 + length, count + 1
    assert at == len(data)
    assert count == 1 + len(history)


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_it_back(history: History, tmp_path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history.to_tensorboard(tmp_path)
    events = accumulator.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0})
    events.Reload()
    assert events.file_version == 2.0
    assert sorted(events.Tags()["scalars"]) == ["loss", "lr", "val_loss/größe"]
    losses = events.Scalars("loss")
    assert [e.step for e in losses] == [*range(1, 301), 1 << 40]
    np.testing.assert_array_equal([e.value for e in losses], history["loss"].astype(np.float32))
    assert losses[299].wall_time - losses[0].wall_time == pytest.approx(149.5)


def test_two_runs_in_one_folder_are_two_files(history: History, tmp_path) -> None:
    paths = {history.to_tensorboard(tmp_path) for _ in range(3)}
    assert len(paths) == len(list(tmp_path.iterdir())) == 3


def test_a_folder_that_cannot_be_made(history: History, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as error:
        history.to_tensorboard(tmp_path / "file")
    assert str(error.value) == f"cannot make the folder {tmp_path / 'file'}\n  came:     File exists"
