# tries: nothing: progress bars, widgets and pictures, as notebooks have them
# fair: 1 2 3 4
# patience: 5
# hushes: Your own cell
# %% own
from IPython.display import HTML, Image, Markdown, clear_output, display
display(HTML("<b>x</b>"), Markdown("**x**"), {"a": 1}, torch.ones(2))
clear_output(wait=True)
"a last value"
# %% own
from tqdm.auto import tqdm
from tqdm.notebook import tqdm as other
for _ in tqdm(range(3)): pass
for _ in other(range(3)): pass
# %% own
import ipywidgets
ipywidgets.interact(lambda x: x, x=3)
slider = ipywidgets.IntSlider(3)
display(slider)
slider.value = 5
# %% own
import matplotlib.pyplot as plt
%config InlineBackend.figure_format = "svg"
figure = plt.figure(figsize=(2, 2))
plt.imshow(torch.rand(8, 8))
display(figure)
plt.show()
figure.savefig("picture.png")
# %% own
import torchvision
from torchvision.transforms import v2
v2.Resize(4)(torch.rand(3, 8, 8))
torchvision.io.write_png((torch.rand(3, 8, 8) * 255).byte(), "p.png")
torchvision.io.read_image("p.png")
# %% own
import random, numpy as np
random.seed(0); np.random.seed(0); torch.manual_seed(0)
rng = np.random.default_rng()
np.linalg.svd(rng.normal(size=(20, 20)))
torch.linalg.svd(torch.rand(20, 20))
torch.compiler.is_compiling()
