# tries: hands in a picture with the name of a notebook
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
