"""``python -m demo``: play the story on a data folder of its own; exit code 0 only if every check held."""

import sys

from demo.stage import Stage
from demo.story import play

if __name__ == "__main__":
    with Stage() as stage:
        play(stage)
        sys.exit(stage.curtain())
