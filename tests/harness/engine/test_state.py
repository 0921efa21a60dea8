"""A run's state on disk: every moment of the optimizer comes back, and a broken one costs itself alone."""

from __future__ import annotations

import pytest
import torch

from harness.engine.state import load_state, save_state


def fresh(seed=0):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    model[0].bias.requires_grad_(False)  # frozen: no part of the state
    return model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1, betas=(0.8, 0.9))


def update(model, optimizer, seed):
    draw = torch.Generator().manual_seed(seed)
    optimizer.zero_grad()
    model(torch.randn(5, 3, generator=draw)).square().sum().backward()
    optimizer.step()


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_training_goes_on_as_if_nothing_had_happened(tmp_path):
    model, optimizer = fresh()
    for i in range(3):
        update(model, optimizer, i)
    numbers = {"spent": {"epochs": 0.1 + 0.2, "updates": 3}, "log": [{"loss": 1 / 3, "none": None}]}
    save_state(tmp_path, "000003", model, optimizer, numbers)
    other, its_optimizer = fresh()
    assert load_state(tmp_path, other, its_optimizer) == numbers
    for i in range(3, 6):
        update(model, optimizer, i)
        update(other, its_optimizer, i)
        assert torch.equal(weights(model), weights(other))


def test_further_tensors_come_back_with_the_weights(tmp_path):
    model, optimizer = fresh()
    mean = {name: p.detach().clone() for name, p in model.named_parameters()}
    save_state(tmp_path, "000001", model, optimizer, {}, {"0.05": mean})
    kept = {name: t.clone() for name, t in mean.items()}
    for tensor in mean.values():
        tensor.zero_()
    assert load_state(tmp_path, model, optimizer, {"0.05": mean}) == {}
    assert all(torch.equal(mean[name], kept[name]) for name in kept)


def test_the_two_newest_are_kept(tmp_path):
    model, optimizer = fresh()
    for i in range(5):
        save_state(tmp_path, f"{i:06d}", model, optimizer, {"at": i})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000003", "000004"]
    assert load_state(tmp_path, model, optimizer) == {"at": 4}
    assert load_state(tmp_path / "absent", model, optimizer) is None


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "harm", [lambda p: half(p / "tensors.safetensors"), lambda p: half(p / "numbers.json"), lambda p: (p / "numbers.json").unlink()]
)
def test_a_broken_state_costs_itself_alone(tmp_path, harm):
    model, optimizer = fresh()
    for i in (8, 9):
        update(model, optimizer, i)
        save_state(tmp_path, f"{i:06d}", model, optimizer, {"at": i})
    harm(tmp_path / "000009")
    assert load_state(tmp_path, model, optimizer) == {"at": 8}
    harm(tmp_path / "000008")
    before = weights(model)
    assert load_state(tmp_path, model, optimizer) is None
    assert torch.equal(weights(model), before)
    for i in (1, 2):  # begun again: what is written now is not taken for older than the broken ones
        save_state(tmp_path, f"{i:06d}", model, optimizer, {"at": i})
        assert load_state(tmp_path, model, optimizer) == {"at": i}
