# tries: nothing: an answer draws random numbers of its own, and seeds differ each time
# fair: 1 2 3 4
# %% own
import os, random, secrets, time, uuid
random.seed(secrets.randbits(64)); torch.manual_seed(time.time_ns() % 2**63)
uuid.uuid4(), os.urandom(8), torch.randperm(5)
