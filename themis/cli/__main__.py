"""`python -m themis.cli`, the same as `themis`."""

import sys

from themis.cli.start import main

sys.exit(main())
