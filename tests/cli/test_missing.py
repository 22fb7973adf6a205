"""A name that chainrule lacks: the words, and the probes that must not notice."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
import traceback
from types import ModuleType

import pytest

from chainrule._missing import module_getattr


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a package ``chainrule.missing_test`` with the hook, a name and a submodule not imported yet."""
    name = "chainrule.missing_test"
    folder = tmp_path / "missing_test"
    folder.mkdir()
    (folder / "late.py").write_text("VALUE = 3\n")
    (folder / "data").mkdir()
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    module.relu = len
    module.__getattr__ = module_getattr(name)
    monkeypatch.setitem(sys.modules, name, module)
    yield module
    sys.modules.pop(f"{name}.late", None)


def test_attribute_error_names_it_and_the_nearest(package):
    with pytest.raises(AttributeError) as caught:
        package.relo
    expected = "torch.missing_test.relo is not in chainrule yet: did you mean torch.missing_test.relu?"
    assert str(caught.value) == expected


@pytest.mark.parametrize("name", ["vmap_of_something", "_C"])
def test_without_a_near_name_it_says_where_to_look(package, name):
    with pytest.raises(AttributeError) as caught:
        getattr(package, name)
    assert str(caught.value) == (
        f"torch.missing_test.{name} is not in chainrule yet: dir(torch.missing_test) lists the names it has"
    )


def test_from_import_raises_import_error_with_the_same_words(package):
    with pytest.raises(ImportError, match=r"^torch.missing_test.relo is not in chainrule yet: did you mean"):
        exec("from chainrule.missing_test import relo")


def test_submodule_is_imported_on_first_use(package):
    assert package.late.VALUE == 3
    assert sys.modules["chainrule.missing_test.late"] is package.late


def test_folder_without_code_is_no_submodule(package):
    assert not hasattr(package, "data")


def test_python_does_not_add_a_second_suggestion(package):
    try:
        package.relo
    except AttributeError as error:
        assert traceback.format_exception_only(error)[0].lower().count("did you mean") == 1


@pytest.mark.parametrize("name", ["foo", "_private", "__wrapped__", "__all__", "__file__"])
def test_hasattr_is_false(package, name):
    assert not hasattr(package, name)
    assert getattr(package, name, 5) == 5


def test_dunders_get_the_ordinary_words(package):
    with pytest.raises(
        AttributeError, match=r"^module 'chainrule.missing_test' has no attribute '__wrapped__'$"
    ):
        package.__wrapped__


def test_inspect_copy_and_pickle_do_not_notice(package):
    assert dict(inspect.getmembers(package))["relu"] is len
    assert inspect.unwrap(package) is package
    with pytest.raises(TypeError, match="cannot pickle 'module' object"):
        pickle.dumps(package)
    with pytest.raises(TypeError, match="cannot pickle 'module' object"):
        copy.deepcopy(package)


def test_a_missing_name_keeps_the_error_being_handled(package):
    try:
        try:
            1 / 0
        except ZeroDivisionError:
            package.relo
    except AttributeError as error:
        assert isinstance(error.__context__, ZeroDivisionError)
        assert not error.__suppress_context__
