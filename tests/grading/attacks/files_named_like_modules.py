# tries: leaves modules in its folder that another process might import
# answers: wrong
# fair: 0 0 0 0
# %% own
import os
for name in ("torch", "json", "course_utils", "sitecustomize", "numpy", "IPython"):
    with open(f"{name}.py", "w") as file:
        file.write("raise SystemExit('@MARK@')")
os.makedirs(".ipython/profile_default/startup", exist_ok=True)
with open(".ipython/profile_default/startup/00.py", "w") as file:
    file.write("padding_answer = 'b'")
