"""What things cost, each as a ratio against a floor that is measured in the same run: ``make bench``."""
