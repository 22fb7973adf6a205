"""What the estimators refuse, word for word."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor, data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).rand(40, 3)
Y = np.arange(40) % 3
ACTIVATIONS = (
    "'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'mish', "
    "'softplus', 'softsign', 'hardtanh', 'relu6'"
)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"solver": "newton"}, "one of 'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop'"),
        ({"learning_rate": "step"}, "one of 'constant', 'invscaling', 'adaptive'"),
        ({"loss": "mse"}, "one of 'log_loss', or a function"),
        ({"activation": "swish"}, f"one of {ACTIVATIONS}, a function of a tensor, or a list of these"),
        ({"activation": 3}, f"one of {ACTIVATIONS}, a function of a tensor, or a list of these"),
        ({"activation": ["relu"]}, "one value, or a list of 2: one for each hidden layer"),
        ({"dropout": [0.1, 0.2, 0.3]}, "one value, or a list of 2: one for each hidden layer"),
        ({"dropout": 1.0}, "a number in [0, 1), or a list of one for each hidden layer"),
        ({"dropout": "0.5"}, "a number in [0, 1), or a list of one for each hidden layer"),
        ({"dropout": 0.5, "solver": "lbfgs"}, "0 with solver='lbfgs', whose line search needs one loss"),
        ({"hidden_layer_sizes": (3, 0)}, "sizes > 0, a whole number for each hidden layer"),
        ({"hidden_layer_sizes": "64"}, "sizes > 0, a whole number for each hidden layer"),
        ({"shuffle": 1}, "True or False"),
        ({"alpha": -1}, "a number in [0, inf)"),
        ({"alpha": np.nan}, "a number in [0, inf)"),
        ({"learning_rate_init": 0}, "a number in (0, inf)"),
        ({"beta_1": 1.0}, "a number in [0, 1)"),
        ({"momentum": 1.5}, "a number in [0, 1]"),
        ({"max_iter": 2.5}, "a whole number from 1 on"),
        ({"n_iter_no_change": 0}, "a whole number from 1 on"),
        ({"batch_size": 0}, "'auto' or a whole number from 1 on"),
        ({"batch_size": "all"}, "'auto' or a whole number from 1 on"),
    ],
    ids=str,
)
def test_parameters(parameters: dict[str, Any], expected: str) -> None:
    name = "dropout" if "dropout" in parameters else next(iter(parameters))
    model = MLPClassifier(**{"hidden_layer_sizes": (4, 4), **parameters})
    with pytest.raises(ValueError) as caught:
        model.fit(X, Y)
    assert str(caught.value) == (
        f"{name} does not take this value\n  came:     {name}={parameters[name]!r}\n  expected: {expected}"
    )
    assert not hasattr(model, "coefs_")


def refused(call: Any, text: str, kind: type[Exception] = ValueError) -> None:
    with pytest.raises(kind, match=f"^{re.escape(text)}$"):
        call()


def test_losses_that_do_not_tell_samples_apart() -> None:
    refused(
        lambda: MLPRegressor(lambda z, y: ((z - y) ** 2).mean()).fit(X, X[:, 0]),
        "the loss does not tell the samples apart, so they cannot be weighted\n"
        "  came:     a Tensor of shape () for 40 samples\n"
        "  expected: a tensor of shape (40,) or (40, outputs): a loss for each sample\n"
        '  fix:      use reduction="none", or leave out .mean() and .sum()',
    )


def test_activations_that_change_the_shape() -> None:
    refused(
        lambda: MLPRegressor(hidden_layer_sizes=(7,), activation=lambda z: z.sum(1)).fit(X, X[:, 0]),
        "the activation does not give a value for each hidden value\n  came:     a Tensor of shape (40,)\n"
        "  expected: a tensor of shape (40, 7): (samples, hidden values)",
    )
    refused(
        lambda: MLPRegressor(hidden_layer_sizes=(7,), activation=lambda z: 3).fit(X, X[:, 0]),
        "the activation does not give a value for each hidden value\n  came:     a int\n"
        "  expected: a tensor of shape (40, 7): (samples, hidden values)",
    )
    refused(
        lambda: MLPRegressor(activation=cr.nn.PReLU()).fit(X, X[:, 0]),
        "activation does not take this value\n  came:     activation=PReLU(num_parameters=1)\n"
        "  expected: a function without parameters of its own: nobody trains them",
    )


def test_weights() -> None:
    weights = np.ones(40)
    weights[7] = -2
    refused(
        lambda: MLPClassifier().fit(X, Y, weights),
        "sample_weight is negative\n  came:     -2.0 for sample 7\n"
        "  expected: weights from 0 on, one of them above 0",
    )
    refused(
        lambda: MLPClassifier().fit(X, Y, np.zeros(40)),
        "sample_weight is zero for all samples\n  came:     only zeros\n"
        "  expected: weights from 0 on, one of them above 0",
    )


def test_a_warm_start_of_other_sizes() -> None:
    model = MLPClassifier((4,), warm_start=True, solver="lbfgs", random_state=0).fit(X, Y)
    refused(
        lambda: model.set_params(hidden_layer_sizes=(5,)).fit(X, Y),
        "the network to go on from has other sizes\n  came:     layers of (3, 5, 3) units\n"
        "  expected: (3, 4, 3)\n  fix:      fit with warm_start=False, or a clone()",
    )


def test_classes_that_were_not_there() -> None:
    refused(
        lambda: MLPClassifier((4,)).partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y + 1),
        "`y` has classes not in `self.classes_`\n  came:     [1 2 3]\n"
        "  expected: [0 1 2], as in the first call\n  fix:      name all classes in the first partial_fit",
    )
    refused(
        lambda: MLPClassifier((4,), solver="lbfgs", warm_start=True).fit(X, Y).fit(X, Y % 2),
        "`y` lacks classes\n  came:     [0 1]\n"
        "  expected: [0 1 2], as in the first call\n  fix:      fit with warm_start=False",
    )
    refused(
        lambda: MLPClassifier((4,)).partial_fit(X, Y),
        "classes must be passed on the first call to partial_fit.",
    )


def test_what_partial_fit_cannot_do() -> None:
    refused(
        lambda: MLPClassifier(solver="lbfgs").partial_fit,
        "This 'MLPClassifier' has no attribute 'partial_fit'",
        AttributeError,
    )
    refused(
        lambda: MLPRegressor(early_stopping=True).partial_fit(X, X),
        "partial_fit does not support early_stopping=True: it is one epoch",
    )
    refused(
        lambda: MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2]),
        'class_weight="balanced" needs all of y, and partial_fit sees a part\n'
        "  fix:      class_weight=dict(zip(classes, sklearn.utils.class_weight.compute_class_weight("
        '"balanced", classes=classes, y=y)))',
    )


def test_too_few_to_hold_out() -> None:
    refused(
        lambda: MLPRegressor(early_stopping=True, validation_fraction=0.01).fit(X, X),
        "the validation set is too small\n  came:     1 of 40 samples: validation_fraction=0.01\n"
        "  expected: 2 samples or more\n  fix:      increase validation_fraction, or give more samples",
    )


def test_counts_below_zero() -> None:
    refused(
        lambda: MLPRegressor("poisson").fit(X, X[:, 0] - X[3, 0] - 1),
        f'loss="poisson" is for counts and rates\n  came:     y = {(X[:, 0] - X[3, 0] - 1).min()} at row '
        f"{X[:, 0].argmin()}\n  expected: values from 0 on",
    )


def test_weights_that_ran_away() -> None:
    refused(
        lambda: MLPRegressor(solver="sgd", learning_rate_init=1e9, random_state=0, activation="identity").fit(
            X, X
        ),
        "the solver produced weights that are not finite\n  came:     solver='sgd', learning_rate_init="
        "1000000000.0\n  expected: columns of about equal size, such as those of StandardScaler\n"
        "  fix:      scale X, or take a smaller learning_rate_init",
    )


def test_a_sparse_matrix_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = scipy.sparse.random(50, 1000, 0.01, "csr", random_state=0)
    monkeypatch.setattr(data, "_DENSE", 200_000)
    refused(
        lambda: MLPClassifier().fit(wide, np.arange(50) % 2),
        "this sparse matrix is too large to be made dense, as training needs it\n"
        "  came:     50 × 1000: 0.0 GB\n  expected: up to 0.0 GB\n"
        "  fix:      call partial_fit on parts of the rows, or reduce the columns (TruncatedSVD)",
    )


def test_warnings_name_the_limit_that_was_met() -> None:
    with pytest.warns(
        UserWarning, match=r"^3 iterations \(max_iter\) reached: the optimization hasn't converged"
    ):
        MLPClassifier(max_iter=3).fit(X, Y)
    with pytest.warns(
        UserWarning, match=r"^lbfgs stopped before the gradient was below tol=0.0001: .*max_iter=3"
    ):
        MLPClassifier(max_iter=3, solver="lbfgs").fit(X, Y)
    with pytest.warns(UserWarning, match=r"^batch_size=99 is larger than the 40 samples: it is 40"):
        MLPClassifier(batch_size=99).fit(X, Y)


def test_an_error_in_a_loss_leaves_no_step_behind() -> None:
    from chainrule.sklearn import steps

    def bad(z: Any, y: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        MLPRegressor(bad).fit(X, X)
    assert not any(key[0].loss is bad for key, _ in steps._idle.values())
    assert cr.is_grad_enabled()
