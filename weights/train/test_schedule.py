# SPDX-License-Identifier: Apache-2.0
"""Tests of the rate's schedule, without PyTorch: test_schedule.py"""

import json
import sys
import time
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from schedule import Schedule  # noqa: E402


def faults(rate, schedule, slow=3600.0):
    """What is wrong with `rate`, a function of the step that trains by `schedule`, on a machine whose steps take `slow` s."""
    found, full = [], schedule.rate
    with mock.patch.object(time, "time", lambda: 0.0):
        quick = [rate(step) for step in range(schedule.steps)]
    hours = iter(range(10 ** 9))
    with mock.patch.object(time, "time", lambda: slow * next(hours)):
        late = [rate(step) for step in range(schedule.steps)]
    if quick != late:
        found.append("follows a clock")
    behind = schedule.warmup + schedule.stable
    if any(value != full for value in late[schedule.warmup:behind]):
        found.append("leaves the full rate in the stable phase")
    if sorted(late[:schedule.warmup]) != late[:schedule.warmup] or sorted(late[behind:], reverse=True) != late[behind:]:
        found.append("does not rise in the warm-up and fall in the decay")
    floor = [value for value in late[schedule.warmup:] if value <= schedule.floor * full * (1 + 1e-9)]
    if len(floor) > 1:
        found.append(f"idles at the floor for {len(floor)} steps")
    return found


class Clock:
    """A schedule by training time, as a negative control: a cosine over planned hours, whose rest is spent at the floor."""

    def __init__(self, schedule, hours):
        import math
        self.cosine = lambda done: 0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))
        self.schedule, self.hours = schedule, hours

    def __call__(self, step):
        s = self.schedule
        warm = min(1.0, (step + 1) / s.warmup)
        return s.rate * warm * (s.floor + (1 - s.floor) * self.cosine(time.time() / (3600 * self.hours)))


class Schedules(unittest.TestCase):
    def setUp(self):
        self.stable = Schedule(5e-4, warmup=10, stable=200)
        self.decayed = self.stable.branch(150, 20)

    def test_rate_follows_steps(self):
        for schedule in (self.stable, self.decayed):
            self.assertEqual(faults(schedule, schedule), [])

    def test_a_clock_is_found(self):
        found = faults(Clock(self.stable, hours=1.5), self.stable)
        self.assertIn("follows a clock", found)
        self.assertIn("leaves the full rate in the stable phase", found)
        self.assertTrue([text for text in found if text.startswith("idles")], found)

    def test_phases(self):
        phases = [self.decayed.phase(step) for step in range(self.decayed.steps + 1)]
        self.assertEqual(phases, ["warm-up"] * 10 + ["stable"] * 140 + ["decay"] * 20 + ["over"])
        self.assertEqual(self.stable(9), 5e-4)
        self.assertAlmostEqual(self.decayed(169), 5e-6)

    def test_branch_leaves_the_stable_training_as_it_was(self):
        for step in range(150):
            self.assertEqual(self.decayed(step), self.stable(step))
        self.assertEqual(self.stable.steps, 210)
        self.assertEqual(self.stable.branch(150).decay, 20)

    def test_decay_is_a_tenth_to_a_fifth(self):
        for decay in (14, 28):
            self.assertEqual(self.stable.branch(150, decay).steps, 150 + decay)
        for decay in (13, 29):
            with self.assertRaisesRegex(ValueError, "14 to 28"):
                self.stable.branch(150, decay)

    def test_no_branch_outside_the_stable_phase(self):
        for schedule, step in ((self.stable, 5), (self.stable, 211), (self.decayed, 160)):
            with self.assertRaisesRegex(ValueError, "stable phase"):
                schedule.branch(step, 20)

    def test_it_ends(self):
        for step in (-1, 210, 10 ** 6):
            with self.assertRaisesRegex(ValueError, "outside a schedule of 210 steps"):
                self.stable(step)

    def test_stages(self):
        stages = {path: json.loads(path.read_text()) for path in HERE.glob("*.json") if not path.name.startswith("gpu_")}
        self.assertGreaterEqual(len(stages), 4)
        for path, stage in stages.items():
            schedule = Schedule.of(stage)
            self.assertEqual(faults(schedule, schedule), [], path)


if __name__ == "__main__":
    unittest.main()
