"""`python -m barberlab` does what `barberlab` does."""

from barberlab.cli import main

main()
