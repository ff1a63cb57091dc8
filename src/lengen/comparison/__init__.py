"""Many runs, sorted into cells and compared."""
