"""``python -m demo``: play the story on a data folder of its own; exit code 0 only if every check held."""

import sys

from demo.stage import Failed, Stage
from demo.story import play

if __name__ == "__main__":
    with Stage() as stage:
        try:
            play(stage)
        except Failed as failure:
            stage.check("", f"the story goes on: {failure}", False)
        sys.exit(stage.curtain())
