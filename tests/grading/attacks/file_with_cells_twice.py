# tries: says "cells" twice, the second time with other checks
# answers: wrong
# fair: 0 0 0 0
# %% file
import json
data = json.loads(json.dumps(notebook))
cells = [c for c in data["cells"] if "check_" not in str(c["source"])]
path.write_text(json.dumps(data)[:-1] + ', "cells": ' + json.dumps(cells) + "}")
