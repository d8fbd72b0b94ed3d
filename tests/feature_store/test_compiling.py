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


def test_what_counts_nobody_calls_nothing_that_counts() -> None:
    counting, lent = loops("compiled"), loops("lent")
    for name in SOURCES:
        tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
        froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        known = {one.asname or one.name: f"{node.module}.{one.name}" for node in froms
                 for one in node.names}  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and f"{name}.{node.name}" in lent:
                used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
                called = {known.get(one, f"{name}.{one}") for one in used}
                assert not {one.removeprefix("feature_store.") for one in called} & counting


def test_code_is_kept_under_a_name_that_knows_every_file_in_it() -> None:
    assert {name.partition(".")[0] for name in loops("compiled") | loops("lent")} == set(SOURCES)
