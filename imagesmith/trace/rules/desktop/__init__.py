"""Rules about graphical programs."""
