"""`python -m rscodec` runs the command line. This is the only file of the library that imports it."""

import sys

from rscodec.cli.main import main

sys.exit(main())
