# ruff: noqa: E501
# %% [markdown]
# # An atlas of the tabletop
#
# The tabletop is the computer-generated world in which most lessons of this course take
# place: objects on a floor, a camera and a lamp. Because every scene is computed from
# formulas, everything about it is known exactly, and nothing had to be labelled by
# hand. This page shows one scene with every kind of ground truth that comes with it.
# You don't have to read the page in order, or at all, until a lesson sends you here.
#
# The course itself starts with [lesson 00](00_start_here.ipynb).

# %%
from course_utils.data.tabletop import TRUTHS, Tabletop

tabletop = Tabletop(60, split="test", size=256, truth=TRUTHS, points=250)
image, target = tabletop[32]
print("image:", tuple(image.shape))
print("target:", ", ".join(target))

# %% [markdown]
# A scene depends only on the seed, the split and its index, so it is the same on every
# computer, and no scene is in both the training and the test split. Another `size`
# renders the same scene in more or fewer pixels, and only the kinds of ground truth
# that `truth` names are computed.

# %% [markdown]
# ## Boxes and labels
#
# `boxes` (N, 4) holds one xyxy box around the visible part of each of the N objects,
# and `labels` (N,) the number of its class. Lessons 01 to 06 need nothing else.

# %% tags=["hide-input"]
from course_utils.data.tabletop import CLASS_NAMES
from course_utils.draw import show_boxes

names = [CLASS_NAMES[label] for label in target["labels"]]
show_boxes(
    image,
    target["boxes"],
    labels=target["labels"],
    class_names=CLASS_NAMES,
    size=5,
    alt=f"The scene with a named box around each object: {', '.join(names)}.",
)

# %% [markdown]
# ## Masks
#
# `masks` (N, H, W) holds one mask per object, which is true where the object is
# visible. Mask R-CNN needs them (lesson 09).

# %% tags=["hide-input"]
from course_utils.draw import show_masks

show_masks(
    image,
    target["masks"],
    labels=target["labels"],
    class_names=CLASS_NAMES,
    size=5,
    alt="The scene with every object filled in a colour of its own.",
)

# %% [markdown]
# ## Semantic and panoptic maps
#
# `semantic` (H, W) gives every pixel a class, floor and wall included, but does not
# tell two objects of the same class apart. `panoptic` (2, H, W) does, because it gives
# every pixel a class and the number of its object. Lessons 07 and 08 are about semantic
# maps, lesson 10 about panoptic ones.

# %% tags=["hide-input"]
from course_utils.data.tabletop import SEMANTIC_NAMES
from course_utils.draw import draw_class_map, new_figure, show

fig, axes = new_figure(1, 2, width=11.4, height=4.4)
draw_class_map(
    axes[0], target["semantic"], class_names=SEMANTIC_NAMES, title="semantic: class"
)
draw_class_map(axes[1], target["panoptic"][1], title="panoptic: number of the object")
show(
    fig,
    alt="Two maps of the scene. Left, each pixel has the colour of its class. Right, "
    "each object has a number and a colour of its own; the floor has 0.",
)

# %% [markdown]
# ## Depth
#
# `depth` (H, W) says for every pixel how far away the visible surface is, in metres,
# measured along the camera's optical axis (lesson 11).

# %% tags=["hide-input"]
from course_utils.draw import show_heat_map

nearest, farthest = target["depth"].min().item(), min(target["depth"].max().item(), 9)
show_heat_map(
    target["depth"],
    name="metres",
    minimum=nearest,
    maximum=farthest,
    colors="viridis_r",
    alt="The depth of the scene: the floor recedes steadily, and each object stands out "
    "from it with one sharp outline.",
)

# %% [markdown]
# ## Normals
#
# `normals` (3, H, W) holds for every pixel a vector of length 1 that is perpendicular
# to the surface and points out of it, to the camera's side. Its x, y and z are shown
# here as red, green and blue, so surfaces of the same colour face the same way (lesson
# 12).

# %% tags=["hide-input"]
from course_utils.draw import draw_image

fig, (ax,) = new_figure(width=5, height=5)
draw_image(ax, (target["normals"] + 1) / 2)
show(
    fig,
    alt="The normals of the scene as colours. The floor has one colour, flat sides have "
    "one each, and on round objects the colour changes gradually.",
)

# %% [markdown]
# ## The camera
#
# `camera` holds the matrices K and R and the vector t. In the camera's frame, which is
# measured in metres, x points right, y down and z forward. A point (X, Y, Z) of that
# frame is projected to the pixel
#
# $$x = f \frac{X}{Z} + c_x \qquad y = f \frac{Y}{Z} + c_y$$
#
# so an object that is twice as far away looks half as large. K holds the three numbers
# in this formula: the focal length f and the point (c_x, c_y) of the image that lies
# straight ahead, all in pixels. R and t convert points of the world, whose floor is z =
# 0, to the camera's frame.

# %%
import torch


def project(points, K):
    """Pixels (N, 2), x first, of points (N, 3) in the camera's frame."""
    scaled = points @ K.T
    return scaled[:, :2] / scaled[:, 2:]


camera = target["camera"]
K = camera["K"]
print(K)

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=5, height=5)
draw_image(ax, image)
steps = torch.arange(-3, 9.01, 0.05)
for across in torch.arange(-3, 9.01, 0.5):
    fixed, floor = torch.full_like(steps, float(across)), torch.zeros_like(steps)
    for world in ([fixed, steps, floor], [steps, fixed, floor]):
        points = torch.stack(world, dim=1) @ camera["R"].T + camera["t"]
        x, y = project(points[points[:, 2] > 0.3], K).T
        ax.plot(x, y, color="white", linewidth=0.8)
show(
    fig,
    alt="The scene with a white grid drawn on its floor, projected by the camera. The "
    "lines run together toward the horizon.",
    caption="A grid of half a metre on the floor, projected with R, t and K. It is "
    "drawn over the objects, too.",
)

# %% [markdown]
# ## Poses and boxes in space
#
# `pose` says where each object stands and how it is turned: a point p in the object's
# own frame is at R p + t in the camera's frame. Together with `half_extents`, half its
# size along each axis, this gives a box in space.

# %% tags=["hide-input"]
from itertools import combinations, product

from course_utils.draw import mark

signs = torch.tensor(list(product((-1.0, 1.0), repeat=3)))
edges = [
    (a, b) for a, b in combinations(range(8), 2) if (signs[a] != signs[b]).sum() == 1
]
pose = target["pose"]
fig, (ax,) = new_figure(width=5, height=5)
draw_image(ax, image)
for i in range(len(names)):
    corners = signs * pose["half_extents"][i] @ pose["R"][i].T + pose["t"][i]
    pixels = project(corners, K)
    for a, b in edges:
        ax.plot(*pixels[[a, b]].T, color=mark(i)[0], linewidth=1.8)
show(fig, alt="The scene with a box in space around each object, in perspective.")

# %% [markdown]
# ## Keypoints
#
# `keypoints` (N, 10, 2) are named points, such as the feet of a chair, and
# `keypoint_visibility` says for each whether it is visible, hidden, or absent (lesson
# 10).

# %% tags=["hide-input"]
from course_utils.data.tabletop import KEYPOINT_NAMES

chair = names.index("chair")
x1, y1, x2, y2 = target["boxes"][chair].tolist()
seen = target["keypoint_visibility"][chair].tolist()
named = zip(
    KEYPOINT_NAMES["chair"], target["keypoints"][chair].tolist(), seen, strict=True
)
columns = {"right": [], "left": []}  # a column of names on each side of the chair
for name, (x, y), state in named:
    side = "left" if x > (x1 + x2) / 2 else "right"
    columns[side].append((y, x, name if state == 2 else f"{name} (hidden)"))

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=8, height=5.4)
draw_image(ax, image, ticks=False)
ax.set(xlim=(x1 - 60, x2 + 60), ylim=(y2 + 12, y1 - 12))
frame = {"boxstyle": "square,pad=0.2", "facecolor": "white", "alpha": 0.85}
line = {"arrowstyle": "-", "color": "white", "lw": 1.2}
for side, rows in columns.items():
    name_x = x2 + 12 if side == "left" else x1 - 12
    for place, (y, x, name) in enumerate(sorted(rows)):
        spot = (name_x, y1 + (place + 0.5) * (y2 - y1) / len(rows))
        look = {"ha": side, "va": "center", "bbox": frame, "arrowprops": line}
        ax.annotate(name, (x, y), spot, **look)
        fill = "none" if "hidden" in name else "#D55E00"
        ax.plot(x, y, "o", ms=9, color=fill, mec="#D55E00", mew=2)
show(
    fig,
    alt="The chair of the scene, close up, with a name at each of its keypoints. Visible "
    "points are filled circles, hidden ones are empty circles.",
)

# %% [markdown]
# ## Meshes
#
# `meshes` holds for each object its vertices (V, 3) in the camera's frame, and its
# triangles (F, 3), each given by the numbers of three vertices. A mesh describes the
# whole object, hidden parts included. Mesh R-CNN predicts such meshes (lesson 12).

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=5, height=5)
draw_image(ax, image)
for i, mesh in enumerate(target["meshes"]):
    x, y = project(mesh["vertices"], K).T
    ax.triplot(x, y, mesh["faces"], color=mark(i)[0], linewidth=0.6)
show(
    fig,
    alt="The scene with the triangles of every object's mesh drawn over it, those of its "
    "back as well.",
)

# %% [markdown]
# ## Voxels
#
# `voxels` (N, G, G, G) is a grid of small cubes around each object, in the object's own
# frame; each cube is full or empty. A grid is easy to convolve, but most of its voxels
# are empty (lesson 11).

# %% tags=["hide-input"]
from matplotlib.figure import Figure

coarse = Tabletop(60, split="test", truth=("voxels",), grid=16)[32][1]["voxels"]
fig = Figure(figsize=(7.4, 4), layout="constrained")
for column, name in enumerate(("chair", "torus")):
    ax = fig.add_subplot(1, 2, column + 1, projection="3d")
    i = names.index(name)
    ax.voxels(
        coarse[i].numpy(), facecolor=mark(i)[0], edgecolor="#444444", linewidth=0.2
    )
    ax.set_title(f"{name}: {coarse[i].float().mean():.0%} full")
    ax.set(xticklabels=[], yticklabels=[], zticklabels=[], aspect="equal")
show(fig, alt="A chair and a torus made of little cubes.")

# %% [markdown]
# ## Points on surfaces
#
# `samples` holds points spread evenly over the surface of each object, with the normal
# at each point. Point clouds are compact, but they do not say which points are
# connected (lesson 11). The colours show the normals, as above.

# %% tags=["hide-input"]
fig = Figure(figsize=(6.4, 5), layout="constrained")
ax = fig.add_subplot(projection="3d")
for cloud, normals in zip(
    target["samples"]["points"], target["samples"]["normals"], strict=True
):
    x, y, z = cloud.T
    ax.scatter(x, z, -y, s=9, c=((normals + 1) / 2).clamp(0, 1).numpy())
ax.set(xlabel="x", ylabel="z, away from the camera", zlabel="up", aspect="equal")
ax.view_init(elev=25, azim=-70)
show(fig, alt="The objects of the scene in space, as clouds of coloured points.")

# %% [markdown]
# ## Closed forms
#
# `surfaces` describes each object by a formula, which gives the signed distance from
# any point to the surface, negative inside the object. A network that learns such a
# function represents the shape *implicitly*.

# %% tags=["hide-input"]
import numpy as np

torus = target["surfaces"][names.index("torus")]
reach = 1.4 * max(torus.half_extents)
line = np.linspace(-reach, reach, 160)
z, x = np.meshgrid(line, line, indexing="ij")
flat = np.stack([x.ravel(), np.zeros(x.size), z.ravel()])
distance = torus.distance(flat).reshape(x.shape)
fig, (ax,) = new_figure(width=6.6, height=5)
bound = abs(distance).max()
drawn = ax.contourf(x, z, distance, 21, cmap="RdBu", vmin=-bound, vmax=bound)
ax.contour(x, z, distance, [0], colors="black", linewidths=2)
fig.colorbar(drawn, ax=ax, label="signed distance in metres")
ax.set(xlabel="x in metres", ylabel="z in metres", aspect="equal")
show(
    fig,
    alt="A slice through a torus: two concentric circles in black, where the distance is "
    "zero, with negative values between them and positive ones elsewhere.",
)

# %% [markdown]
# ## Words
#
# `captions` has a short description of each object, and `relations` says for each pair
# of objects which is left of, right of, in front of or behind the other.

# %%
for name, caption in zip(names, target["captions"], strict=True):
    print(f"{name:>8}: {caption}")

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=5, height=5)
draw_image(ax, image)
centres = (target["boxes"][:, :2] + target["boxes"][:, 2:]) / 2
for i, j in target["relations"]["in front of"].nonzero().tolist():
    ax.annotate(
        "",
        centres[j].tolist(),
        centres[i].tolist(),
        arrowprops={"arrowstyle": "->", "color": "white", "lw": 1.6, "shrinkB": 16},
    )
for name, (x, y) in zip(names, centres.tolist(), strict=True):
    ax.text(x, y, name, ha="center", va="center", backgroundcolor="white", fontsize=9)
show(
    fig,
    alt="The scene as a graph: object names joined by arrows.",
    caption="An arrow leads from each object to those that it stands in front of.",
)

# %% [markdown]
# ## A second camera
#
# A scene can be rendered from anywhere. If the camera moves to the right by b metres,
# the image of a point at depth Z moves to the left by f b / Z pixels, its *disparity*.
# The depth can therefore be computed from two images, wherever the same point is found
# in both.

# %%
from dataclasses import replace

from course_utils.data.tabletop import render

left = tabletop.scene(32)
x, y, z = left.camera.position
right = replace(left, camera=replace(left.camera, position=(x + 0.25, y, z)))
images = [
    torch.from_numpy(render(view, 256).image).float() / 255 for view in (left, right)
]
disparity = K[0, 0] * 0.25 / target["depth"]

# %% tags=["hide-input"]
from course_utils.draw import draw_heat_map

fig, axes = new_figure(1, 3, width=11.4, height=3.6)
draw_image(axes[0], images[0], title="left camera", ticks=False)
draw_image(axes[1], images[1], title="right camera", ticks=False)
draw_heat_map(axes[2], disparity, name="pixels", title="disparity")
axes[2].set(xticks=[], yticks=[])
show(
    fig,
    alt="The scene from two cameras side by side, and the disparity between them, which "
    "is largest for what is near.",
)

# %% [markdown]
# ## Time
#
# Objects can also be moved between renderings. The result is a video in which every
# motion is known exactly.

# %% tags=["hide-input"]
sphere = next(i for i, solid in enumerate(left.solids) if solid.name == "sphere")
frames = []
for shift in (0.0, 0.2, 0.4):
    moved = list(left.solids)
    x, y = moved[sphere].place
    moved[sphere] = replace(moved[sphere], place=(x - shift, y))
    frame = render(replace(left, solids=moved), 256)
    frames.append(torch.from_numpy(frame.image).float() / 255)
fig, axes = new_figure(1, 3, width=11.4, height=3.9)
for number, (ax, picture) in enumerate(zip(axes, frames, strict=True), start=1):
    draw_image(ax, picture, title=f"frame {number}", ticks=False)
show(fig, alt="Three frames in which the sphere moves to the left, with its shadow.")

# %% [markdown]
# ## Easier and harder worlds
#
# The settings of `Tabletop` say which classes occur, how many objects there are, how
# large they are, and whether they stand in groups. Lesson 05 uses these settings to
# find out what a grid cannot do.

# %% tags=["hide-input"]
from course_utils.draw import show_images

worlds = {
    "one class": {"classes": ("sphere",)},
    "small objects": {"scale": 0.4, "min_solids": 6},
    "in groups": {"scale": 0.4, "min_solids": 6, "groups": 2},
}
pictures = [Tabletop(4, size=192, **world)[1][0] for world in worlds.values()]
show_images(
    pictures,
    titles=list(worlds),
    columns=3,
    width=9,
    alt="Three scenes: only spheres; many small objects; small objects in two groups.",
)

# %% [markdown]
# ## On disk
#
# `course_utils.data.writers` writes these scenes in the formats of Pascal VOC, COCO and
# CLEVR, so that you can try loaders for these formats without a download.
#
# Back to [lesson 00](00_start_here.ipynb).
