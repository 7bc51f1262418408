"""`python -m themis`, the same as `themis`."""

import sys

from themis.cli.main import main

sys.exit(main())
