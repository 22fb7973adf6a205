"""The package asks for scikit-learn only when it is wanted, and says so when it is not there."""

from __future__ import annotations

import subprocess
import sys


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_chainrule_does_not_load_scikit_learn() -> None:
    assert python("import chainrule, sys; print('sklearn' in sys.modules)") == "False\n"


def test_without_scikit_learn_the_command_is_named() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "try:\n    import chainrule.sklearn\n"
        "except ImportError as error:\n    print(error, error.__cause__)"
    )
    assert python(code) == (
        "chainrule.sklearn needs scikit-learn, which is not installed\n"
        "  came:     import of sklearn halted; None in sys.modules\n"
        '  fix:      install it: python -m pip install "scikit-learn>=1.6" None\n'
    )
