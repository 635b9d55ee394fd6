"""The command `migrate`: from another injector to a HarborRegistry, as a plan or as writes."""
