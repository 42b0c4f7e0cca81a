# tries: numbers in the JSON that are too long for Python, or are none
# fair: 1 2 3 4
# %% file
import json
text = json.dumps(notebook)
path.write_text('{"huge": ' + "1" * 10_000 + ', "nan": NaN, "cells": [], ' + text[1:])
