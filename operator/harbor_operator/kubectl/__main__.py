"""Runs `python -m harbor_operator.kubectl`."""

from harbor_operator.kubectl.cli import main

raise SystemExit(main())
