"""Runs `python -m harbor_operator`."""

from harbor_operator.cli import main

raise SystemExit(main())
