"""From percent scripts to notebooks; `source/build.py` is its command line."""
