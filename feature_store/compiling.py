"""The compilers of this package's loops: see `finmodel.compiling`."""

from __future__ import annotations

from pathlib import Path

from finmodel.compiling import compilers

SOURCES = (
    "arrow_numbers",
    "frame_kernels",
    "json_kernels",
    "known_rooms",
    "packed_kernels",
    "packed_sections",
    "record_kernels",
    "run_kernels",
    "text_hash",
    "tile_bytes",
    "tile_kernels",
    "tile_sections",
)
"""Modules whose code may stand in each other's."""

compiled, lent = compilers(Path(__file__).parent, SOURCES)
