"""The page, end to end: ``make demo``. ``story`` is what happens, ``stage`` how it is done and checked."""
