# SPDX-License-Identifier: Apache-2.0
"""The learning rate of each step: warm-up, a stable phase at full rate, and a short decay that branches off.

The rate is a function of the number of steps since the stage began and of nothing else, least of all of a clock: an
interrupted training goes on as if it had not been, and a slow machine trains by the same rates as a fast one.

    step       0 ... warmup     ... warmup + stable     ... warmup + stable + decay
    rate       rises linearly   is `rate`               falls to `floor` times `rate`, then the schedule is over

A training in its stable phase has no planned end, only an amount after which it stops. Whenever weights are to be shipped,
`branch` gives the schedule of a copy that leaves the stable phase there; the stable training itself goes on unchanged.
Shape of the decay: 1 - sqrt(t), after Haegele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training
Durations, 2024.
"""

import math
from dataclasses import dataclass, replace

SHORTEST, LONGEST = 10, 5  # a decay takes a tenth to a fifth of the stable steps


@dataclass(frozen=True)
class Schedule:
    rate: float
    warmup: int
    stable: int
    decay: int = 0
    floor: float = 0.01

    def __post_init__(self):
        if min(self.warmup, self.stable, self.decay) < 0 or not self.rate > 0 or not 0 <= self.floor <= 1:
            raise ValueError(f"{self} is no schedule. Give a rate above zero, numbers of steps that are not negative, and a "
                             "floor from 0 to 1.")

    @classmethod
    def of(cls, stage):
        """The schedule of a stage file's entries."""
        return cls(**{name: stage[name] for name in ("rate", "warmup", "stable", "decay", "floor") if name in stage})

    @property
    def steps(self):
        """The number of steps after which the schedule is over."""
        return self.warmup + self.stable + self.decay

    def phase(self, step):
        """`warm-up`, `stable` or `decay`; `over` behind the last step."""
        bounds = ((self.warmup, "warm-up"), (self.warmup + self.stable, "stable"), (self.steps, "decay"))
        return next((name for end, name in bounds if step < end), "over")

    def __call__(self, step):
        """The rate of step 0, 1, ... of the stage."""
        phase = self.phase(step)
        if step < 0 or phase == "over":
            raise ValueError(f"Step {step} lies outside a schedule of {self.steps} steps.")
        if phase == "warm-up":
            return self.rate * (step + 1) / self.warmup
        if phase == "stable":
            return self.rate
        fallen = math.sqrt((step + 1 - self.warmup - self.stable) / self.decay)
        return self.rate * (self.floor + (1 - self.floor) * (1 - fallen))

    def branch(self, step, decay=None):
        """The schedule of a copy that decays from `step` on, over a seventh of the stable steps before it if not told."""
        stable = step - self.warmup
        if self.decay or not SHORTEST <= stable <= self.stable:
            raise ValueError(f"A decay branches off from the stable phase, which are the steps {self.warmup + SHORTEST} to "
                             f"{self.warmup + self.stable} of this stage; this state is at step {step}.")
        decay = round(stable / 7) if decay is None else decay
        if not stable <= SHORTEST * decay <= 2 * stable:
            raise ValueError(f"A decay of {decay} steps does not fit {stable} stable steps. Take a tenth to a fifth of them: "
                             f"{-(-stable // SHORTEST)} to {stable // LONGEST}.")
        return replace(self, stable=stable, decay=decay)
