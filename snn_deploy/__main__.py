"""`python -m snn_deploy` is `snn-deploy`; torchrun starts it so."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
