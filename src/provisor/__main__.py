"""``python -m provisor`` is ``provisor``."""

from provisor.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
