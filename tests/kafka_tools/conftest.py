# SPDX-License-Identifier: Apache-2.0
"""Tests of the tools themselves: they need no servers. MILLRACE_FULL takes more seeds, MILLRACE_SEED others."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

FULL = bool(os.environ.get("MILLRACE_FULL"))
FIRST_SEED = int(os.environ.get("MILLRACE_SEED", "1"))
