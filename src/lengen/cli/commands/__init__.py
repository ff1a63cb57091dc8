"""The commands, one module each: a docstring whose first line is the help, and `main(arguments) -> exit code`."""
