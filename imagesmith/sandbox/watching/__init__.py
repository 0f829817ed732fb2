"""What a program uses while it runs, from the log of strace."""
