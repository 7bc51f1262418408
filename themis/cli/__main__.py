"""`python -m themis.cli`, the same as `themis`."""

import sys

from themis.cli.main import main

sys.exit(main())
