"""A hand-written NumPy loop: sigmoid layers, quadratic cost, plain descent, every array made once and written in place.

This is what a configuration of parts is measured against: the same arithmetic, with nothing that could be swapped.
"""

from __future__ import annotations

import numpy as np

GATHER = 2048
CHUNK = 1024


class HandLoop:
    """The network ``sizes`` with the buffers for batches of one length."""

    def __init__(self, sizes: list[int], length: int, dtype: str = "float32", seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.rows = min(length, CHUNK)
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        count = sum(n * m + n for n, m in shapes)
        self.theta = rng.standard_normal(count).astype(dtype)
        self.gradient = np.zeros_like(self.theta)
        self.sum = np.zeros_like(self.theta)
        self.weights, self.biases, self.grad_w, self.grad_b = [], [], [], []
        start = 0
        for n, m in shapes:
            self.weights.append(self.theta[start : start + n * m].reshape(n, m))
            self.grad_w.append(self.gradient[start : start + n * m].reshape(n, m))
            start += n * m
        for n, _ in shapes:
            self.biases.append(self.theta[start : start + n])
            self.grad_b.append(self.gradient[start : start + n])
            start += n
        self.a = [np.empty((self.rows, n), dtype) for n in sizes[1:]]
        self.delta = [np.empty((self.rows, n), dtype) for n in sizes[1:]]
        self.slope = [np.empty((self.rows, n), dtype) for n in sizes[1:]]
        self.ones = np.ones(self.rows, dtype)
        self.step = np.empty_like(self.theta)
        self.x_block = np.empty((max(GATHER // length, 1) * length if length <= CHUNK else 1, sizes[0]), dtype)

    def pass_through(self, x: np.ndarray, y: np.ndarray, scale: float) -> np.ndarray:
        """Forward and backward; the gradient is in ``self.gradient``. Returns the outputs."""
        m, layers = len(x), len(self.weights)
        below = x
        for i in range(layers):
            a = self.a[i][:m]
            np.dot(below, self.weights[i].T, out=a)
            a += self.biases[i]
            a *= 0.5
            np.tanh(a, out=a)
            a += 1.0
            a *= 0.5
            below = a
        delta = self.delta[-1][:m]
        np.subtract(below, y, out=delta)
        delta *= scale
        for i in range(layers - 1, -1, -1):
            a, slope = self.a[i][:m], self.slope[i][:m]
            np.subtract(1.0, a, out=slope)
            slope *= a
            delta *= slope
            np.dot(delta.T, x if i == 0 else self.a[i - 1][:m], out=self.grad_w[i])
            np.dot(self.ones[:m], delta, out=self.grad_b[i])
            if i:
                np.dot(delta, self.weights[i], out=self.delta[i - 1][:m])
                delta = self.delta[i - 1][:m]
        return self.a[-1][:m]

    def epoch(self, x: np.ndarray, labels: np.ndarray, length: int, eta: float, rng: np.random.Generator) -> float:
        """One pass over the data; returns the mean cost, as a history wants it."""
        n, table = len(x), np.eye(10, dtype=x.dtype)
        total = 0.0
        if length > CHUNK:
            self.sum[...] = 0.0
            for start in range(0, n, CHUNK):
                piece, y = x[start : start + CHUNK], table[labels[start : start + CHUNK]]
                outputs = self.pass_through(piece, y, 1.0 / n)
                total += 0.5 * float(np.sum((outputs - y) ** 2))
                self.sum += self.gradient
            self.theta -= eta * self.sum
            return total / n
        order = rng.permutation(n)
        size = len(self.x_block)
        for first in range(0, n, size):
            rows = order[first : first + size]
            block = np.take(x, rows, axis=0, out=self.x_block[: len(rows)], mode="clip")
            y = table[labels[rows]]
            outputs = np.empty_like(y)
            for start in range(0, len(rows), length):
                stop = min(start + length, len(rows))
                outputs[start:stop] = self.pass_through(block[start:stop], y[start:stop], 1.0 / (stop - start))
                np.multiply(self.gradient, eta, out=self.step)
                self.theta -= self.step
            total += 0.5 * float(np.sum((outputs - y) ** 2))
        return total / n
