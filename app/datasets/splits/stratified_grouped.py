"""Grouped splits whose sides have about the same foreground.

Not scikit-learn's: `StratifiedGroupKFold` balances the counts of classes with one greedy pass over the groups, and
there is no single split of that kind. Foreground is a number, so the groups are chosen by it directly: wanted are the
number of items *and* the mean foreground of each side (`app.datasets.splits.group_search` weighs one against the
other). With few acquisitions one of the two has to give way; the preview shows both.
"""

from __future__ import annotations

from functools import partial

from app.datasets.splits.grouped import grouped_folds, grouped_split

stratified_grouped_split = partial(grouped_split, stratified=True)
stratified_grouped_folds = partial(grouped_folds, stratified=True)
