# tries: hands in more cells than anybody writes
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
import json
data = json.loads(json.dumps(notebook))
many = [{"cell_type": "markdown", "metadata": {}, "source": "x", "id": f"x{i}"}
        for i in range(20_000)]
data["cells"] += many
path.write_text(json.dumps(data))
