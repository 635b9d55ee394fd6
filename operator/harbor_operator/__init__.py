"""The Harbor operator: one HarborRegistry becomes a working registry, and every namespace holds its pull Secret.

The map of the house, from the ground up; who may import whom is checked (`make contracts`):

- `api`          what a user writes, as frozen models, and the CRD made from them
- `reasons`      every word a condition may give as its reason; `outcomes` what a step can report
- `diagnosis`    pure judges (observed -> finding) and the catalogue of problems and remedies
- `plan`         pure wishes (registry -> what should exist), names and Helm values
- `ports`        what we may ask of the outside; `adapters` the same made real
- `steps`        one class per condition: look, decide by the plan, write the difference, report
- `injector`     the path from a new namespace to its pull Secret
- `status`       outcomes become conditions; `reconciler` runs one pass
- `metrics`      what is counted, and the catalogue of it; `readings` what is read off when somebody asks
- `handlers`     Kopf rings the bell; `app` wires everything; `cli` is the front door
"""

__version__ = "0.1.0"
