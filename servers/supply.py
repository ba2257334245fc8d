"""The executables of our servers, built from Go modules as the engine is; standard library only."""

from __future__ import annotations

from pathlib import Path

from engine.builds import Recipe
from engine.compiler import Module

SOURCES = Path(__file__).resolve().parent / 'versitygw'
EXECUTABLE = 'versitygw'
PACKAGE = 'github.com/versity/versitygw/cmd/versitygw'

OBJECT_STORE = Recipe(
    name='object-store',
    what='object store',
    sources=SOURCES,
    modules=(Module(SOURCES, {PACKAGE: EXECUTABLE}),),
    ldflags='-s -w',
    ways_out='Or name an object store that is there: OBJECT_STORE=https://… (docs/sites.md).',
)
