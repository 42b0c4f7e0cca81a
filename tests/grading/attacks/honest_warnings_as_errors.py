# tries: nothing: makes warnings errors, for the whole notebook
# fair: 1 2 3 4
# %% own
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("error")
