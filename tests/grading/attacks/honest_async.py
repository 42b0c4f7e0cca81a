# tries: nothing: waits in cells, as notebooks may
# patience: 5
# fair: 1 2 3 4
# hushes: Your own cell
# %% own
import asyncio
await asyncio.sleep(0.01)
async def later():
    await asyncio.sleep(0.01)
    return 3
assert await asyncio.gather(later(), later()) == [3, 3]
# %% own after padding_answer
x = await later()
assert x == 3
