"""`python -m harbor_operator.node_trust`."""

from harbor_operator.node_trust.cli import main

raise SystemExit(main())
