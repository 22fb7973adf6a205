"""What the classifier and the regressor share: scikit-learn's fit, with a compiled step inside."""

from __future__ import annotations

import time
import warnings
from itertools import chain
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ..errors import message
from ..fitting.history import History
from . import parameters
from .data import padded_rows, sample_weights
from .lbfgs import Objective, minimise
from .network import Array, Network, initial
from .steps import Plan, Step, borrowed, output
from .stopping import Stopping


def by_batches(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit goes by mini-batches: solver='lbfgs' has none")
    return True


class Base(BaseEstimator):  # type: ignore[misc]
    """A multilayer perceptron: parameters are kept as given and checked when a fit begins."""

    _losses: tuple[str, ...] = ()
    _stopping: Stopping

    # ----- what the two differ in

    def _targets(self, y: Any, known: bool) -> Array:
        """y as the loss takes it: numbers of classes, or a matrix with a column for each output."""
        raise NotImplementedError

    def _outputs(self, y: Array) -> int:
        raise NotImplementedError

    def _activation_and_loss(self) -> tuple[str, Any]:
        raise NotImplementedError

    def _weights_of(self, y: Any, weights: Array | None, incremental: bool) -> Array | None:
        return weights

    def _score(self, held: Any, network: Network, arrays: Any) -> float:
        raise NotImplementedError

    # ----- fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X and targets y, from new parameters unless `warm_start`.

        X              (samples, features), an array, a table or a sparse matrix; float32 stays float32
        y              (samples,) or (samples, outputs)
        sample_weight  (samples,): how much each row counts in the loss, not negative

        Raises ValueError for what the parameters or the data cannot be.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(by_batches)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One more epoch over these rows, with the optimizer where it was."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Self:
        parameters.check(self, self._losses)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True: it is one epoch")
        new = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, reset=new,
            dtype=(np.float64, np.float32), y_numeric=not is_classifier(self),
        )  # fmt: skip
        weights = self._weights_of(y, sample_weights(sample_weight, X), incremental)
        target = self._targets(y, known=not new)
        network = self._network(X, target)
        self._random_state = check_random_state(self.random_state)
        if new:
            self._start(network)
        elif self._stopping.by_score is not self.early_stopping:
            self._stopping = Stopping(self.early_stopping)
        if [c.shape for c in self.coefs_] != list(zip(network.units, network.units[1:])):
            raise ValueError(
                message(
                    "the network to go on from has other sizes",
                    came=f"layers of {network.units} units",
                    expected=f"{(self.coefs_[0].shape[0], *(c.shape[1] for c in self.coefs_))}",
                    fix="fit with warm_start=False, or a clone()",
                )
            )
        self._began = time.perf_counter() - (self.history_["time"][-1] if len(self.history_) else 0.0)
        if self.solver == "lbfgs":
            self._fit_lbfgs(network, X, target, weights)
        else:
            self._fit_batches(network, X, target, weights, incremental)
        if not all(np.isfinite(a).all() for a in chain(self.coefs_, self.intercepts_)):
            raise ValueError(
                message(
                    "the solver produced weights that are not finite",
                    came=f"solver={self.solver!r}, learning_rate_init={self.learning_rate_init}",
                    expected="columns of about equal size, such as those of StandardScaler",
                    fix="scale X, or take a smaller learning_rate_init",
                )
            )
        return self

    def _network(self, X: Any, target: Array) -> Network:
        hidden = parameters.hidden_sizes(self.hidden_layer_sizes)
        self.n_outputs_ = self._outputs(target)
        self.n_layers_ = len(hidden) + 2
        self.out_activation_, loss = self._activation_and_loss()
        return Network(
            (X.shape[1], *hidden, self.n_outputs_),
            parameters.activations(self.activation, len(hidden)),
            parameters.rates(self.dropout, len(hidden)),
            loss,
            X.dtype.name,
        )

    def _start(self, network: Network) -> None:
        self.coefs_, self.intercepts_ = initial(network, self._random_state)
        self.n_iter_ = self.t_ = 0
        self.loss_curve_: list[float] = []
        self.history_ = History()
        self.__dict__.pop("_kept", None)
        self._stopping = Stopping(self.early_stopping)
        self._stopping.publish(self)

    def _fit_lbfgs(self, network: Network, X: Any, y: Array, weights: Array | None) -> None:
        objective = Objective(network, padded_rows(X, y, weights), float(self.alpha))
        start = np.concatenate([a.ravel() for a in (*self.coefs_, *self.intercepts_)]).astype(np.float64)
        vector, self.loss_, self.n_iter_, early = minimise(
            objective, start, tol=self.tol, max_iter=self.max_iter, max_fun=self.max_fun, report=self._report
        )
        at = 0
        for arrays in (self.coefs_, self.intercepts_):
            for i, a in enumerate(arrays):
                arrays[i] = vector[at : at + a.size].reshape(a.shape).astype(a.dtype)
                at += a.size
        self.best_loss_ = self.loss_
        if early:
            warnings.warn(
                f"lbfgs stopped before the gradient was below tol={self.tol}: {early} (max_iter="
                f"{self.max_iter}, max_fun={self.max_fun}). More iterations or scaled columns may help.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _report(self, loss: float, **figures: float) -> None:
        self.loss_curve_.append(loss)
        seconds = time.perf_counter() - self._began
        self.history_.add(len(self.loss_curve_), loss=loss, **figures, time=seconds)
        if self.verbose:
            print(f"Iteration {len(self.loss_curve_)}, loss = {loss:.8f}")

    def _fit_batches(
        self, network: Network, X: Any, y: Array, weights: Array | None, incremental: bool
    ) -> None:
        held: tuple[Any, Any, Any] | None = None
        if self.early_stopping:
            X, y, weights, held = self._held_out(X, y, weights)
        rows = padded_rows(X, y, weights)
        n = len(y)
        batch = min(200, n) if self.batch_size == "auto" else min(int(self.batch_size), n)
        if self.batch_size != "auto" and self.batch_size > n:
            warnings.warn(
                f"batch_size={self.batch_size} is larger than the {n} samples: it is {n}", stacklevel=4
            )
        nesterov = self.solver == "sgd" and self.nesterovs_momentum
        with borrowed(network, "nesterov" if nesterov else self.solver) as step:
            plan = step.plan(rows, batch)
            self._load(step, incremental)
            if network.dropping:
                step.generator.manual_seed(int(self._random_state.randint(2**31)))
            try:
                self._epochs(step, plan, held, 1 if incremental else self.max_iter)
            except KeyboardInterrupt:
                warnings.warn("Training interrupted by user: the parameters are those so far", stacklevel=4)
            self._kept = step.keep()
            best = self._stopping.best if self.early_stopping and self._stopping.best else step.arrays
            layers = len(step.coefs)
            self.coefs_ = [a.copy() for a in best[:layers]]
            self.intercepts_ = [a.copy() for a in best[layers:]]

    def _load(self, step: Step, incremental: bool) -> None:
        """Parameters and numbers into the step; the optimizer's state too if it goes on."""
        numbers = {"alpha": float(self.alpha), "learning_rate": float(self.learning_rate_init)}
        numbers |= {name: float(getattr(self, name)) for name in step.rule.numbers}
        slots: list[list[Array]] = []
        if incremental and hasattr(self, "_kept"):
            before, slots = self._kept
            fits = [len(s) for s in slots] == [len(s) for s in step.kept]
            slots = slots if fits else []
            going_on = ("learning_rate", *step.rule.products) if fits else ()
            numbers |= {name: before[name] for name in going_on if name in before}
        step.load([*self.coefs_, *self.intercepts_], numbers, slots)

    def _epochs(self, step: Step, plan: Plan, held: Any, epochs: int) -> None:
        n = plan.rows
        order = np.arange(n)
        self.n_iter_ = 0
        stop = self._stopping
        for _ in range(epochs):
            if self.shuffle:
                order = order[self._random_state.permutation(n)]
            self.loss_ = step.epoch(plan, order)
            self.n_iter_ += 1
            self.t_ += n
            rate = step.numbers["learning_rate"]
            self._report(self.loss_, lr=float(rate))
            if not (np.isfinite(self.loss_) or all(np.isfinite(a).all() for a in step.arrays)):
                return
            if held is None:
                stop.lost(self.loss_, self.tol)
            else:
                score = self._score(held, step.network, (step.coefs, step.intercepts))
                stop.scored(score, self.tol, step.arrays)
                self.history_.rows[-1]["val_score"] = score
                if self.verbose:
                    print(f"Validation score: {score:f}")
            stop.publish(self)
            if self.solver == "sgd" and self.learning_rate == "invscaling":
                rate[...] = self.learning_rate_init / (self.t_ + 1) ** self.power_t
            if stop.waited > self.n_iter_no_change and self._ends(rate):
                return
            if self.n_iter_ == self.max_iter:
                warnings.warn(
                    f"{self.max_iter} iterations (max_iter) reached: the optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=5,
                )

    def _ends(self, rate: Array) -> bool:
        """Whether an epoch without progress is the last; if not, the learning rate is a fifth from here."""
        what = "Validation score" if self.early_stopping else "Training loss"
        text = f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} epochs."
        adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
        if not adaptive or rate <= 1e-6:
            if self.verbose:
                print(text, "Learning rate too small. Stopping." if adaptive else "Stopping.")
            return True
        rate[...] = rate / 5
        self._stopping.waited = 0
        if self.verbose:
            print(text, f"Setting learning rate to {float(rate):f}")
        return False

    def _held_out(self, X: Any, y: Array, weights: Array | None) -> tuple[Any, Array, Any, Any]:
        """The rows to train on, and those whose score decides when to stop."""
        alike = y if is_classifier(self) and self.n_outputs_ == 1 else None
        parts = train_test_split(
            X, y, *([] if weights is None else [weights]), random_state=self._random_state,
            test_size=self.validation_fraction, stratify=alike,
        )  # fmt: skip
        if parts[1].shape[0] < 2:
            raise ValueError(
                message(
                    "the validation set is too small",
                    came=f"{parts[1].shape[0]} of {X.shape[0]} samples: validation_fraction="
                    f"{self.validation_fraction}",
                    expected="2 samples or more",
                    fix="increase validation_fraction, or give more samples",
                )
            )
        inside, outside = (None, None) if weights is None else parts[4:]
        return parts[0], parts[2], inside, (parts[1], parts[3], outside)

    # ----- using it

    def _raw(self, X: Any) -> Array:
        """The output layer before its activation, of rows that may be of any kind."""
        check_is_fitted(self, "coefs_")
        dtype = (np.float64, np.float32)
        X = validate_data(self, X, accept_sparse=["csr"], reset=False, dtype=dtype)
        return output(self._shape(X.dtype.name), X, self.coefs_, self.intercepts_)

    def _shape(self, dtype: str) -> Network:
        hidden = len(self.coefs_) - 1
        return Network((), parameters.activations(self.activation, hidden), (0.0,) * hidden, "", dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
