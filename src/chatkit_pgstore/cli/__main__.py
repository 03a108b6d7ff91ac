"""``python -m chatkit_pgstore.cli``."""

import sys

from chatkit_pgstore.cli import main

sys.exit(main())
