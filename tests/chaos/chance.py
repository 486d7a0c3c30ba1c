"""What the faults are drawn from. The same seed gives the same faults in the same order; what the programs were just doing when one came is the
machine's affair, so a run is alike another and not the same."""

import os
import random

SEED = int(os.environ.get("NIANSHEN_FAULT_SEED", "1"))
KILLS = int(os.environ.get("NIANSHEN_FAULT_KILLS", "40"))  # of workers, in one stream


def chance_for(what):
    return random.Random(f"{SEED} {what}")
