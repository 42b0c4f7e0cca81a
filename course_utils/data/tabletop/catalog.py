"""The words of the tabletop: its classes, colours, patterns and the kinds of truth."""

# The index is the label; 0 is background, as in every detector of the course.
CLASS_NAMES: tuple[str, ...] = (
    "background",
    "sphere",
    "cube",
    "cylinder",
    "cone",
    "torus",
    "chair",
    "table",
)

# Groups of classes that are easily taken for one another: round ones, upright ones, and
# furniture. They are told apart in the diagnosis of a detector's errors.
SIMILAR_CLASSES: tuple[tuple[str, ...], ...] = (
    ("sphere", "torus"),
    ("cube", "cylinder", "cone"),
    ("chair", "table"),
)

# The class map: things keep their label, the floor is 0, the other stuff comes last.
SEMANTIC_NAMES: tuple[str, ...] = ("floor", *CLASS_NAMES[1:], "wall", "sky")
FLOOR = SEMANTIC_NAMES.index("floor")
WALL = SEMANTIC_NAMES.index("wall")
SKY = SEMANTIC_NAMES.index("sky")

# Pixels of a solid that is too hidden to be labelled, in the panoptic map.
VOID = 255

# Red, green, blue in [0, 1] as they stand in an image (gamma 2).
COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.20, 0.18),
    "orange": (0.95, 0.55, 0.12),
    "yellow": (0.95, 0.83, 0.20),
    "green": (0.22, 0.65, 0.28),
    "cyan": (0.20, 0.72, 0.76),
    "blue": (0.20, 0.36, 0.84),
    "purple": (0.58, 0.25, 0.72),
    "white": (0.92, 0.91, 0.88),
}
PATTERNS: tuple[str, ...] = ("plain", "striped", "checked")
MATERIALS: tuple[str, ...] = ("rubber", "metal")
FLOOR_PATTERNS: tuple[str, ...] = ("plain", "tiles", "planks", "squares")

TRUTHS: tuple[str, ...] = (
    "masks",
    "semantic",
    "panoptic",
    "depth",
    "normals",
    "camera",
    "pose",
    "surfaces",
    "meshes",
    "voxels",
    "samples",
    "keypoints",
    "relations",
    "captions",
)
