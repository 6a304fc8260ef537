"""The command line: ``provisor <command>``, one file for each group of commands.

``main`` takes the global options from wherever they stand, reads the settings, and runs one command. It is the only
place that turns what goes wrong into an exit code: 0 done, 1 failed (one sentence on stderr), 64 wrong usage (one
line), 2 a plan with changes. Commands translate and print; what they do is in the directory, the workspace and the
engine. Each imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (without the program's name) and return its exit code."""
    from provisor.cli.line import run

    return run(list(sys.argv[1:] if arguments is None else arguments))
