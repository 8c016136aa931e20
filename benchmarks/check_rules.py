"""Update rules and schedules against PyTorch's, update by update: python benchmarks/check_rules.py

Both minimise the same function of two arrays of weights and a vector of biases from the same start, in float64. θ must
agree to 1e-10 after every one of 60 updates, relative to its largest entry, and learning rates and momenta to 1e-12; the
status is 1 where one does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from modnet.components.schedules import Cosine, Exponential, OneCycle, Step, WarmUp
from modnet.components.update_rules import Adam, AdamW, ClipByNorm, ClipByValue, Momentum, Nesterov, Plain, RmsProp
from modnet.core.interfaces import Position, Schedule, UpdateContext, UpdateRule

UPDATES, PER_EPOCH, RATE = 60, 6, 0.01
SHAPES = ((4, 3), (2, 4), (6,))  # the last one is biases: no weight decay
WEIGHTS = 4 * 3 + 2 * 4

Build = Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]


def grouped(weight_decay: float) -> Build:
    def build(tensors: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        groups = [{"params": tensors[:2]}, {"params": tensors[2:], "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=RATE, weight_decay=weight_decay)

    return build


RULES: dict[str, tuple[UpdateRule, Build, Callable[[list[torch.nn.Parameter]], Any] | None]] = {
    "plain": (Plain(), lambda p: torch.optim.SGD(p, RATE), None),
    "momentum": (Momentum(), lambda p: torch.optim.SGD(p, RATE, momentum=0.9), None),
    "nesterov": (Nesterov(), lambda p: torch.optim.SGD(p, RATE, momentum=0.9, nesterov=True), None),
    "rmsprop": (RmsProp(), lambda p: torch.optim.RMSprop(p, RATE, alpha=0.9), None),
    "adam": (Adam(), lambda p: torch.optim.Adam(p, RATE), None),
    "adamw": (AdamW(weight_decay=0.2), grouped(0.2), None),
    # PyTorch divides by the norm + 1e-6
    "clip-by-norm": (ClipByNorm(maximum=0.5), lambda p: torch.optim.SGD(p, RATE), None),
    "clip-by-norm of adamw": (ClipByNorm(maximum=0.5, rule=AdamW(weight_decay=0.2)), grouped(0.2), None),
    "clip-by-value": (
        ClipByValue(maximum=0.3, rule="adam"),
        lambda p: torch.optim.Adam(p, RATE),
        lambda p: torch.nn.utils.clip_grad_value_(p, 0.3),
    ),
}
Scheduler = Callable[[torch.optim.Optimizer], Any]
SCHEDULES: dict[str, tuple[Schedule, Scheduler, int]] = {
    "step": (Step(every=2, factor=0.5), lambda o: torch.optim.lr_scheduler.StepLR(o, 2, 0.5), PER_EPOCH),
    "exponential": (Exponential(factor=0.9), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9), PER_EPOCH),
    "cosine": (
        Cosine(minimum=0.1),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, UPDATES // PER_EPOCH, RATE * 0.1),
        PER_EPOCH,
    ),
    "warm-up": (WarmUp(updates=20), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1 / 20, 1.0, 19), 1),
    "one-cycle": (OneCycle(), lambda o: torch.optim.lr_scheduler.OneCycleLR(o, RATE, UPDATES), 1),
    "one-cycle, others": (
        OneCycle(rise=0.6, start_divisor=4.0, end_divisor=50.0, momentum_high=0.9, momentum_low=0.5),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, RATE, UPDATES, pct_start=0.6, base_momentum=0.5, max_momentum=0.9, div_factor=4.0, final_div_factor=50.0
        ),
        1,
    ),
}


def cost(theta: torch.Tensor) -> torch.Tensor:
    """Return a function with slopes of very different size, whose gradient is large enough to be clipped."""
    scale = torch.linspace(0.2, 3.0, len(theta), dtype=torch.float64)
    return (torch.cosh(scale * theta) + 0.3 * torch.sin(5 * theta.roll(1)) * theta).sum()


def rule_difference(rule: UpdateRule, build: Build, clip: Callable[[Any], Any] | None, schedule: str | None) -> float:
    start = np.random.default_rng(3).normal(size=WEIGHTS + 6)
    tensors, place = [], 0
    for shape in SHAPES:
        size = int(np.prod(shape))
        tensors.append(torch.nn.Parameter(torch.tensor(start[place : place + size].reshape(shape))))
        place += size
    optimizer = build(tensors)
    ours = SCHEDULES[schedule][0] if schedule else None
    scheduler = SCHEDULES[schedule][1](optimizer) if schedule else None
    theta, state, worst = start.copy(), rule.init(start), 0.0
    for update in range(UPDATES):
        optimizer.zero_grad()
        cost(torch.cat([tensor.reshape(-1) for tensor in tensors])).backward()
        if isinstance(rule, ClipByNorm):
            norm = torch.sqrt(sum((tensor.grad**2).sum() for tensor in tensors))
            for tensor in tensors:
                tensor.grad *= min(1.0, rule.maximum / float(norm))
        elif clip:
            clip(tensors)
        optimizer.step()
        at = Position(update / PER_EPOCH, UPDATES // PER_EPOCH, update, UPDATES)
        rate, momentum = (RATE * ours(at), ours.momentum(at)) if ours else (RATE, None)
        if scheduler:
            scheduler.step()
        point = torch.tensor(theta, requires_grad=True)
        cost(point).backward()
        context = UpdateContext(theta, rate, momentum, update, regularized=WEIGHTS)
        step, state = rule.update(point.grad.numpy(), state, context)
        theta = theta - step
        assert np.isfinite(theta).all()
        theirs = np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])
        worst = max(worst, float(np.abs(theta - theirs).max() / np.abs(theirs).max()))
    return worst


def schedule_difference(schedule: Schedule, build: Scheduler, every: int) -> float:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], RATE, momentum=0.9)
    scheduler, worst = build(optimizer), 0.0
    for update in range(0, UPDATES, every):
        at = Position(update / PER_EPOCH, UPDATES // PER_EPOCH, update, UPDATES)
        group, momentum = optimizer.param_groups[0], schedule.momentum(at)
        worst = max(worst, abs(RATE * schedule(at) - group["lr"]) / RATE)
        worst = max(worst, abs((0.9 if momentum is None else momentum) - group["momentum"]))
        optimizer.step()
        scheduler.step()
    return worst


def main() -> int:
    failed = 0
    for name, (schedule, build, every) in SCHEDULES.items():
        difference = schedule_difference(schedule, build, every)
        failed += difference > 1e-12
        print(f"schedule {name}: {difference:.1e}")
    for name, (rule, build_rule, clip) in RULES.items():
        for driven in (None, "one-cycle"):
            if driven and name.startswith(("plain", "rmsprop", "clip-by-norm")) and "adamw" not in name:
                continue  # PyTorch's OneCycleLR wants an optimizer with a momentum
            difference = rule_difference(rule, build_rule, clip, driven)
            failed += difference > 1e-10
            print(f"rule {name}{' under one-cycle' if driven else ''}: {difference:.1e}")
    print("all agree" if not failed else f"{failed} differ")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
