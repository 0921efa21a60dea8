"""The statistics of the leaderboard: pure functions of counts per problem, on numpy and scipy. Figures are shares (0 to 1).

The problem is the unit: samples of one problem are no independent evidence about others. Training seeds are a level of their own.
Shapes: S seeds, P problems, a leading `...` for many tables at once. Sources: Miller 2024, arXiv:2411.00640 (errors over questions,
pairing); Searle, Casella & McCulloch 1992 (crossed variance components); Zou & Donner 2008 (intervals of sums); Korn & Graubard 1998
(effective n); Holm 1979; Fieller 1954 (ratios).
"""

from harness.statistics.bounded import bounded, clopper_pearson_effective, mean_share
from harness.statistics.chance import expected_best, sampling_variance
from harness.statistics.crossed import crossed, estimate
from harness.statistics.families import holm, rank_intervals
from harness.statistics.flips import sign_flip, sign_flips
from harness.statistics.nouns import FEWEST_SEEDS, LEVEL, Difference, Estimate
from harness.statistics.problems import paired_difference, shares, stderr
from harness.statistics.ratios import ratio
from harness.statistics.spread import half_width, p_value

__all__ = [
    "FEWEST_SEEDS",
    "LEVEL",
    "Difference",
    "Estimate",
    "bounded",
    "clopper_pearson_effective",
    "crossed",
    "estimate",
    "expected_best",
    "half_width",
    "holm",
    "mean_share",
    "p_value",
    "paired_difference",
    "rank_intervals",
    "ratio",
    "sampling_variance",
    "shares",
    "sign_flip",
    "sign_flips",
    "stderr",
]
