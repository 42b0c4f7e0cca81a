# tries: nothing: an editor dropped the metadata and names another kernel
# fair: 1 2 3 4
# %% file
for each in notebook.cells:
    each.metadata = {}
notebook.metadata = {"kernelspec": {"name": "ir", "language": "R"}}
