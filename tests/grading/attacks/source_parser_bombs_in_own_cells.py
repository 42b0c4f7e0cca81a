# tries: the same in cells of its own beside right answers
# fair: 1 2 3 4
# %% file
bombs = ["x = " * 50_000 + "1", "lambda: " * 20_000 + "1", "9" * 10_000, "'a' " * 300_000,
         "\x00", "\ufeff1", "not " * 100_000 + "1", "[" * 190 + "]" * 190, "f'{1}'" * 20_000,
         "\n".join(" " * i + "if 1:" for i in range(300)), "@a\n" * 50_000 + "def f(): pass",
         "a if b else " * 20_000 + "c", "{" + "**" * 1_000 + "}", "x[" * 5_000 + "]" * 5_000,
         "%" * 100_000, "!" * 100_000, "?" * 100_000, "\\\n" * 100_000, "\t" * 100_000 + "x",
         "elif" * 10, "f(" * 150 + ")" * 150, "a" * 1_000_000, "\r" * 10_000 + "x = 1",
         "def " * 1_000, "match x:\n" + " case 1: pass\n" * 20_000, "\x0c" * 1_000, "é" * 10_000]
for bomb in bombs:
    notebook.cells.insert(2, v4.new_code_cell(bomb))
