"""How the API server names the custom resource; the command line needs this much and not the models."""

from __future__ import annotations

GROUP = "harbor-operator.io"
VERSION = "v1alpha1"
KIND = "HarborRegistry"
PLURAL = "harborregistries"
CRD_VERSION = f"{GROUP}/version"
"""Annotation of the CRD: the version of the operator that it belongs to."""
