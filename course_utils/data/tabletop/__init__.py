"""The tabletop: generated scenes of solids on a floor, with exact truth."""

from course_utils.data.tabletop.catalog import (
    CLASS_NAMES,
    SEMANTIC_NAMES,
    SIMILAR_CLASSES,
    TRUTHS,
    VOID,
)
from course_utils.data.tabletop.dataset import Tabletop, load_scenes
from course_utils.data.tabletop.keypoints import KEYPOINT_NAMES
from course_utils.data.tabletop.make import make_scene
from course_utils.data.tabletop.render import FAR
from course_utils.data.tabletop.scene import Camera, Room, Scene, Solid
from course_utils.data.tabletop.truth import Rendering, render
from course_utils.data.tabletop.words import RELATIONS

__all__ = [
    "CLASS_NAMES",
    "FAR",
    "KEYPOINT_NAMES",
    "RELATIONS",
    "SEMANTIC_NAMES",
    "SIMILAR_CLASSES",
    "TRUTHS",
    "VOID",
    "Camera",
    "Rendering",
    "Room",
    "Scene",
    "Solid",
    "Tabletop",
    "load_scenes",
    "make_scene",
    "render",
]
