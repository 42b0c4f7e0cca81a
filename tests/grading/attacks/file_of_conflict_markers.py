# tries: fills a file with the marks of merge conflicts, to make their repair take for ever
# answers: wrong
# fair: 0 0 0 0
# %% file
import json
text = json.dumps(notebook, indent=1)
marks = "<<<<<<< HEAD\n=======\n>>>>>>> x\n" + "<<<<<<< HEAD\n" * 10_000 + "=======\n" * 10_000
path.write_text(text[: len(text) // 2] + marks * 3 + text[len(text) // 2 :])
