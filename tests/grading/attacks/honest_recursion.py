# tries: nothing: a right answer calls itself, a thousand deep
# fair: 1 2 3 4
# %% answer padding_answer
def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)
padding_answer = "b" if depth(2_000 // 3) else "a"
# %% answer window_sums
def window_sums(image, windows):
    def table_of(rows):
        if len(rows) == 0:
            return torch.zeros(1, image.shape[1] + 1)
        above = table_of(rows[:-1])
        row = torch.cat([torch.zeros(1), rows[-1].cumsum(0)])
        return torch.cat([above, above[-1:] + row])
    height, width = image.shape
    table = torch.zeros(height + 1, width + 1)
    table[1:, 1:] = image.cumsum(0).cumsum(1)
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]
