"""Tables: the projections that every journal of segue is opened with."""

from segue.artifact_projection import ArtifactProjection
from segue.projection import RunProjection
from segue.work_projection import WorkProjection
from segue_events.journal import Projection

__all__ = ("projections",)


def projections() -> list[Projection]:
    """Return the projections, for a journal that is about to be opened."""
    return [RunProjection(), WorkProjection(), ArtifactProjection()]
