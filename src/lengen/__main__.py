"""`python -m lengen` is `lengen`."""

import sys

from lengen.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
