"""What may be said of shares of right answers, and of seeds; knows nothing of runs."""
