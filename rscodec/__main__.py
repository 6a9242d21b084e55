"""`python -m rscodec` is the command line: the one file of this layer that reaches up to it."""

import sys

from rscodec.cli.main import main

sys.exit(main())
