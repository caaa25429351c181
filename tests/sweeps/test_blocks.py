"""Sweeps in blocks of any size give the same rates as in one piece."""

import numpy as np
import pytest

import optax_lr as olr
from optax_lr.sweeps import blocks
from tests.sweeps.batches import mixed


@pytest.mark.parametrize("block_bytes", [4, 4 * 7, 4 * 100, 4 * 1000, 2**24])
def test_blocks_cover_a_sweep_once(block_bytes):
    batch, steps = mixed(23, 90), np.arange(101, dtype=np.int32)
    layout = blocks.BlockLayout(23, 101, block_bytes)
    whole = np.asarray(olr.sweep(batch, 101))
    seen = np.full(whole.shape, np.nan, np.float32)
    chosen = layout.blocks if block_bytes > 100 else layout.blocks[:: max(1, len(layout.blocks) // 50)]
    for block, rates in blocks.computed(batch, steps, layout, chosen):
        assert np.isnan(seen[block]).all()
        seen[block] = rates
    for block in chosen:
        np.testing.assert_array_equal(seen[block], whole[block])
    assert block_bytes <= 100 or not np.isnan(seen).any()


@pytest.mark.parametrize("steps", [300, [[7, 3], [250, 3]]])
@pytest.mark.parametrize("past_end", ["reference", "hold", "nan"])
def test_a_summary_equals_that_of_the_curves(steps, past_end, monkeypatch):
    monkeypatch.setattr(blocks, "REDUCED_BYTES", 4 * 500)
    batch = mixed(24, 200).reshape(4, 6)
    rates = np.asarray(olr.sweep(batch, steps, past_end=past_end), np.float64).reshape(4, 6, -1)
    summary = olr.sweep_summary(batch, steps, past_end=past_end)
    np.testing.assert_allclose(summary.area, np.nansum(rates, -1), rtol=1e-14)
    np.testing.assert_allclose(summary.mean, np.nanmean(rates, -1), rtol=1e-14)
    np.testing.assert_array_equal(summary.max, np.nanmax(rates, -1))
    np.testing.assert_array_equal(summary.min, np.nanmin(rates, -1))
