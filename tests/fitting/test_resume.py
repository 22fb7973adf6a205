"""Stop and go on: resumed runs end with the parameters of the run that was never stopped, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.fitting.checkpoint import Checkpoint
from chainrule.fitting.problem import InputError

from .resumed import result_of, run_of

SCRIPT = Path(__file__).with_name("resumed.py")


class Stop(Exception):
    """In the place of a power cut."""


class Fragile(Checkpoint):
    """Saves after every step; the power fails right after the n-th save."""

    def __init__(self, path: Path, n: int) -> None:
        super().__init__(path, every=0.0)
        self.left = n

    def save(self, state: Mapping[str, Any]) -> None:
        super().save(state)
        self.left -= 1
        if not self.left:
            raise Stop


def one_by_one(loop: Any) -> Any:
    loop._piece = lambda: 1
    return loop


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.ckpt"


KINDS: dict[str, dict[str, Any]] = {
    "Adam, cosine": {},
    "SGD with momentum, plateau": {
        "optimizer": "SGD", "settings": {"momentum": 0.9, "dampening": 0.3}, "scheduler": "plateau",
    },
    "AdamW with amsgrad, sequence": {
        "optimizer": "AdamW", "settings": {"amsgrad": True}, "scheduler": "sequence", "own": False,
    },
    "NAdam, in order": {"optimizer": "NAdam", "scheduler": "none", "shuffle": False},
    "RMSprop, plain": {"optimizer": "RMSprop", "compiled": False, "scheduler": "none"},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_at_every_save(kind: str, path: Path) -> None:
    options = KINDS[kind]
    whole = one_by_one(run_of(None, 3, **options))
    whole.run()
    # saves: at the start, after each of 4 steps of 3 epochs, at the end
    for n in (1, 2, 3, 4, 5, 6, 9, 13):
        path.unlink(missing_ok=True)
        with pytest.raises(Stop):
            one_by_one(run_of(Fragile(path, n), 3, **options)).run()
        resumed = run_of(Checkpoint(path), 3, True, seed=99, **options)
        resumed.run()
        assert result_of(resumed) == result_of(whole), n
        assert resumed.best_epoch == whole.best_epoch


def test_the_pieces_of_an_epoch_do_not_matter(path: Path) -> None:
    in_pieces, whole = one_by_one(run_of(None, 3)), run_of(None, 3)
    whole._piece = lambda: 1000  # type: ignore[method-assign]
    cr.manual_seed(4)
    in_pieces.run()
    cr.manual_seed(4)
    whole.run()
    assert result_of(in_pieces) == result_of(whole)


def test_a_finished_run_goes_on_to_more_epochs(path: Path) -> None:
    whole = run_of(None, 5)
    whole.run()
    run_of(Checkpoint(path), 3).run()
    more = run_of(Checkpoint(path), 5, True)
    more.run()
    assert result_of(more) == result_of(whole)
    again = run_of(Checkpoint(path), 5, True)
    again.run()
    assert result_of(again) == result_of(whole)
    assert (again.epoch, again.stopped) == (5, "epochs")


def test_patience_and_time_go_on_counting(path: Path) -> None:
    values = [3.0, 1.0, 2.0, 2.0, 2.0, 2.0]

    def run(epochs: int, resume: bool) -> Any:
        loop = run_of(
            Checkpoint(path), epochs, resume, monitor="val_loss", patience=3,
            evaluate=lambda: {"val_loss": values[loop.epoch - 1]},
        )  # fmt: skip
        loop.run()
        return loop

    first = run(3, False)
    second = run(6, True)
    assert (second.stopped, second.epoch, second.best_epoch) == ("patience", 5, 2)
    assert second.history["time"][3] > first.history["time"][2]
    assert list(second.history["val_loss"]) == values[:5]


# ----- kill -9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 of forked processes")
def test_killed_again_and_again_at_random_moments(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(path), "2"], capture_output=True, text=True, timeout=120,
        env={**os.environ, "CHAINRULE_CACHE": str(path.parent / "cache")},
    )  # fmt: skip
    assert done.stderr == ""
    whole, *ends, kills = done.stdout.splitlines()
    assert whole.startswith("epochs 6 ")
    assert ends
    assert set(ends) == {whole}  # more than one, if a run was killed between its last word and its exit
    assert int(kills) >= 5


# ----- Ctrl-C


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("every_save", [True, False])
def test_control_c_ends_a_run_after_a_whole_step_and_it_can_be_resumed(every_save: bool, path: Path) -> None:
    whole = run_of(None, 4)
    whole.run()

    class Pressed(Checkpoint):
        def save(self, state: Mapping[str, Any]) -> None:
            super().save(state)
            if state["epoch"] == 2 and (state["batch"] == 2) is every_save:
                os.kill(os.getpid(), signal.SIGINT)

    loop = one_by_one(run_of(Pressed(path, every=0.0), 4, monitor=None))
    before = signal.getsignal(signal.SIGINT)
    loop.run()
    assert signal.getsignal(signal.SIGINT) is before
    assert loop.stopped == "interrupted"
    assert loop.epoch == 2
    assert Checkpoint(path).load()["stopped"] == "interrupted"
    resumed = run_of(Checkpoint(path), 4, True, monitor=None, patience=None)
    resumed.run()
    expected = run_of(None, 4, monitor=None)
    expected.run()
    assert result_of(resumed) == result_of(expected)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_control_c_puts_the_best_epoch_back() -> None:
    seen: list[Any] = []
    values = iter([2.0, 1.0, 3.0])

    def evaluate() -> dict[str, float]:
        seen.append(result_of(loop)[0])
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return {"val_loss": next(values)}

    loop = run_of(None, 50, monitor="val_loss", evaluate=evaluate)
    loop.run()
    assert (loop.stopped, loop.epoch, loop.best_epoch) == ("interrupted", 3, 2)
    assert result_of(loop)[0] == seen[1]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_second_control_c_does_not_wait() -> None:
    def evaluate() -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
        raise AssertionError("the second one was not heard")

    loop = run_of(None, 50, evaluate=evaluate)
    loop.run()
    assert loop.stopped == "interrupted"


def test_a_handler_of_the_programs_own_stays_and_threads_do_without() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        loop = run_of(None, 2, evaluate=lambda: signal.raise_signal(signal.SIGINT) or {})
        loop.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT, signal.SIGINT]
    assert loop.stopped == "epochs"
    loop = run_of(None, 2)
    thread = threading.Thread(target=loop.run)
    thread.start()
    thread.join()
    assert loop.stopped == "epochs"


# ----- what cannot be resumed


def refused(path: Path, *args: Any, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        run_of(Checkpoint(path), *args, **options).run()
    return str(error.value).replace(str(path), "FILE")


def test_another_run_is_named(path: Path) -> None:
    run_of(Checkpoint(path), 1).run()
    assert refused(path, 2, True, optimizer="SGD") == (
        'FILE is a checkpoint of another run: optimizer differs\n  came:     "SGD"\n  expected: "Adam"\n'
        "  fix:      resume with the data and options of that run, or start anew with another file"
    )
    assert refused(path, 2, True, samples=104).startswith(
        "FILE is a checkpoint of another run: samples differs\n  came:     104\n  expected: 103\n"
    )
    assert "shuffle differs" in refused(path, 2, True, shuffle=False)
    assert "hidden differs\n  came:     [8]\n  expected: null" in refused(
        path, 2, True, identity={"hidden": (8,)}
    )


def test_other_data_of_the_same_shape_are_noticed(path: Path) -> None:
    run_of(Checkpoint(path), 1).run()
    loop = run_of(Checkpoint(path), 2, True)
    loop.batches.arrays[0][57, 1] += 1
    from chainrule.fitting.identity import identity_of

    loop.identity = identity_of(loop.batches, loop.state, {})
    with pytest.raises(InputError, match="is a checkpoint of another run: data differs"):
        loop.run()


def test_a_missing_checkpoint_cannot_be_resumed(path: Path) -> None:
    assert refused(path, 2, True) == "cannot read FILE\n  came:     No such file or directory"


def test_an_unfinished_run_is_not_started_over(path: Path) -> None:
    with pytest.raises(Stop):
        one_by_one(run_of(Fragile(path, 3), 2)).run()
    before = path.read_bytes()
    assert "is the checkpoint of a run that has not come to its end" in refused(path, 2)
    assert path.read_bytes() == before


def test_a_run_that_diverged_is_not_resumed_but_may_be_started_over(path: Path) -> None:
    def run(lr: float, resume: bool = False) -> Any:
        loop = run_of(Checkpoint(path), 3, resume, optimizer="SGD", scheduler="none")
        loop.state.optimizer.param_groups[0]["lr"] = lr
        return loop.run()

    with pytest.raises(InputError, match="the loss diverges"):
        run(1e9)
    with pytest.raises(InputError) as error:
        run(1e9, resume=True)
    assert str(error.value) == (
        f"{path} is the checkpoint of a run that diverged: it would diverge again\n"
        "  fix:      start anew with a smaller learning rate"
    )
    run(1e-3)


def test_a_folder_that_cannot_be_written_is_known_before_the_first_step(tmp_path: Path) -> None:
    loop = run_of(Checkpoint(tmp_path / "none" / "run.ckpt", every=1e9), 2)
    with pytest.raises(InputError, match="the folder does not exist"):
        loop.run()
    assert len(loop.history) == 0


@pytest.mark.parametrize("key", ["run", "epoch", "best", "history", "drawn", "losses", "first"])
@pytest.mark.parametrize("value", [None, {}, "text"])
def test_a_checkpoint_with_something_else_in_it(key: str, value: Any, path: Path) -> None:
    with pytest.raises(Stop):
        one_by_one(run_of(Fragile(path, 3), 2)).run()
    state = Checkpoint(path).load()
    state[key] = value
    Checkpoint(path).save(state)
    text = refused(path, 2, True)
    assert text.startswith(("FILE is damaged: the run cannot go on from it\n", "FILE is of another model: "))
