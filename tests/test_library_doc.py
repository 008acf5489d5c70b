"""The examples of docs/library.md, and those in the library's own help, do what they say."""

import doctest
from pathlib import Path

import pytest

from starsieve.features import library

LIBRARY = Path(__file__).parents[1] / "docs" / "library.md"


def test_the_examples_of_the_page_run() -> None:
    found = doctest.testfile(str(LIBRARY), module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert found.attempted > 20
    assert not found.failed


@pytest.mark.parametrize("name", ["extract", "extract_many", "find_period"])
def test_the_examples_in_help_run(name: str) -> None:
    (test,) = doctest.DocTestFinder(recurse=False).find(getattr(library, name), name)
    assert len(test.examples) > 3
    assert not doctest.DocTestRunner().run(test).failed
