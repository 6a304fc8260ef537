"""Many lives of one application, simulated: every failure at every moment, days of it in seconds, in one process."""
