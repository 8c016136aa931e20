"""Predictions, beside the peers and beside the same products and sigmoids written by hand."""

from __future__ import annotations

import numpy as np
from measuring import Row, take_turns

import modnet


def predictions(rounds: int, rows: int, calls: int) -> Row:
    """Return seconds of one prediction of so many rows through 64-30-10, float32."""
    import torch
    from sklearn.neural_network import MLPClassifier

    run = modnet.Trainer.from_config({"epochs": 1, "dtype": "float32"}).fit()
    network = run.network
    x = np.random.default_rng(0).random((rows, 64), dtype=np.float32)
    layers = [(layer.weights, layer.biases) for layer in network.layers]
    classifier = MLPClassifier((30,), activation="logistic", max_iter=5, solver="sgd", random_state=0)
    train, labels = run.samples["train"].x, run.samples["train"].targets.codes
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five passes are enough to have weights
        classifier.fit(train, labels)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 30), torch.nn.Sigmoid(), torch.nn.Linear(30, 10), torch.nn.Sigmoid()
    ).eval()
    tensor = torch.from_numpy(x)

    def by_hand() -> np.ndarray:
        a = x
        for w, b in layers:
            z = np.dot(a, w.T)
            z += b
            z *= 0.5
            np.tanh(z, out=z)
            z += 1.0
            z *= 0.5
            a = z
        return a

    def pytorch() -> object:
        with torch.inference_mode():
            return model(tensor)

    assert np.allclose(by_hand(), network.predict(x), atol=1e-6)
    contenders = {
        "modnet": lambda: network.predict(x),
        "by hand": by_hand,
        "scikit-learn": lambda: classifier.predict_proba(x),
        "PyTorch": pytorch,
    }
    return take_turns(contenders, rounds, calls)
