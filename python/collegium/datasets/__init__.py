"""Data sets: folders of NIfTI subjects, and synthetic hospitals to try a federation on."""

from __future__ import annotations

from .brain_sites import BrainSites, brain_sites, write_brain_sites

__all__ = ["BrainSites", "brain_sites", "write_brain_sites"]
