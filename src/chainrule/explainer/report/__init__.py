"""An explanation as one HTML file: derivation, graph, values, source, and a stepper through both passes."""

from .page import fragment, page, written

__all__ = ["fragment", "page", "written"]
