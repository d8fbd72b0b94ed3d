"""Which of the package's loops count who holds their arrays, and whose code is in whose."""

import ast
from pathlib import Path

import feature_store
from feature_store.compiling import SOURCES

FOLDER = Path(feature_store.__file__).parent


def loops(decorator: str) -> set[str]:
    """Functions under a decorator of `compiling`."""
    return {
        f"{file.stem}.{node.name}"
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(one, ast.Name) and one.id == decorator for one in node.decorator_list)
    }


def test_only_what_makes_an_array_once_a_call_counts_who_holds_it() -> None:
    assert loops("compiled") == {
        "frame_kernels.as_of_each",
        "json_kernels.read",
        "packed_kernels.merge",
        "packed_kernels.read",
        "tile_kernels.all_begin",
        "tile_sections.read_sections",
    }


def test_code_is_kept_under_a_name_that_knows_every_file_in_it() -> None:
    assert {name.partition(".")[0] for name in loops("compiled") | loops("lent")} == set(SOURCES)
