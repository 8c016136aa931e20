"""The document's class against the document's arithmetic: one sample at a time, in columns, as its listings say.

The reference below is written from the document's equations (with its errata), and shares nothing with modnet.
"""

from __future__ import annotations

import numpy as np
import pytest

from modnet import ConfigError, DataError, NeuralNetwork
from modnet.neural_network import sigmoid, sigmoid_prime

SIZES = [[4, 3], [4, 5, 3], [4, 6, 5, 3], [4, 3, 3, 3, 2], [3, 4, 5, 4, 3, 2]]


def logistic(z):
    return 1.0 / (1.0 + np.exp(-z))


def reference_gradient(weights, biases, x, y):
    """One pair's (∇b, ∇W), with columns: δ^L = (a − y) ⊙ σ′(z^L), δ^l = (W^{l+1})ᵀ δ^{l+1} ⊙ σ′(z^l), ∇W = δ aᵀ."""
    activations, nets = [x.reshape(-1, 1)], []
    for w, b in zip(weights, biases, strict=True):
        nets.append(w @ activations[-1] + b.reshape(-1, 1))
        activations.append(logistic(nets[-1]))
    delta = (activations[-1] - y.reshape(-1, 1)) * logistic(nets[-1]) * (1 - logistic(nets[-1]))
    nabla_b, nabla_w = [delta[:, 0]], [delta @ activations[-2].T]
    for layer in range(2, len(weights) + 1):
        slope = logistic(nets[-layer]) * (1 - logistic(nets[-layer]))
        delta = (weights[-layer + 1].T @ delta) * slope
        nabla_b.insert(0, delta[:, 0])
        nabla_w.insert(0, delta @ activations[-layer - 1].T)
    return nabla_b, nabla_w


def reference_update(weights, biases, pairs, eta):
    """θ − (η / m) Σ ∇ over the pairs, one at a time."""
    sum_b, sum_w = [np.zeros_like(b) for b in biases], [np.zeros_like(w) for w in weights]
    for x, y in pairs:
        nabla_b, nabla_w = reference_gradient(weights, biases, x, y)
        sum_b = [total + one for total, one in zip(sum_b, nabla_b, strict=True)]
        sum_w = [total + one for total, one in zip(sum_w, nabla_w, strict=True)]
    rate = eta / len(pairs)
    return (
        [w - rate * total for w, total in zip(weights, sum_w, strict=True)],
        [b - rate * total for b, total in zip(biases, sum_b, strict=True)],
    )


def copies(arrays):
    return [np.array(array) for array in arrays]


def pairs_for(sizes, count, rng):
    return [(rng.random(sizes[0]), np.eye(sizes[-1])[rng.integers(sizes[-1])]) for _ in range(count)]


def close(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_backprop(sizes, rng):
    net = NeuralNetwork(sizes, seed=1)
    (x, y), *_ = pairs_for(sizes, 1, rng)
    nabla_b, nabla_w = net.backprop(x, y)
    expected_b, expected_w = reference_gradient(net.weights, net.biases, x, y)
    close(nabla_b, expected_b)
    close(nabla_w, expected_w)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_update_mini_batch(sizes, count, rng):
    net, pairs = NeuralNetwork(sizes, seed=2), pairs_for(sizes, count, rng)
    weights, biases = reference_update(copies(net.weights), copies(net.biases), pairs, 3.0)
    net.update_mini_batch(pairs, 3.0)
    close(net.weights, weights)
    close(net.biases, biases)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_an_epoch_with_a_short_last_batch(sizes, rng, capsys):
    net, twin, pairs = NeuralNetwork(sizes, seed=3), NeuralNetwork(sizes, seed=3), pairs_for(sizes, 11, rng)
    order = twin._order.permutation(11)
    weights, biases = copies(net.weights), copies(net.biases)
    for start in (0, 4, 8):
        weights, biases = reference_update(weights, biases, [pairs[row] for row in order[start : start + 4]], 3.0)
    kept = list(pairs)
    net.SGD(pairs, 1, 4, 3.0)
    close(net.weights, weights)
    close(net.biases, biases)
    assert all(one is other for one, other in zip(pairs, kept, strict=True)), "the caller's list was shuffled"
    assert capsys.readouterr().out == "Epoch 0 complete\n"


def test_the_default_run_is_the_documents_arithmetic(rng):
    from modnet import Trainer

    x, labels = rng.random((23, 4)), np.arange(23) % 3
    config = {"epochs": 2, "network": {"layers": [5, 3]}, "optimizer": {"batch_size": 4}}
    trainer = Trainer.from_config(config)
    start = Trainer.from_config({**config, "epochs": 0}).fit(x, labels).network
    weights = [np.array(layer.weights) for layer in start.layers]
    biases = [np.array(layer.biases) for layer in start.layers]
    order_source = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(1,)))
    for _ in range(2):
        order = order_source.permutation(23)
        for first in range(0, 23, 4):
            batch = [(x[row], np.eye(3)[labels[row]]) for row in order[first : first + 4]]
            weights, biases = reference_update(weights, biases, batch, 3.0)
    network = trainer.fit(x, labels).network
    close([layer.weights for layer in network.layers], weights)
    close([layer.biases for layer in network.layers], biases)


def test_feedforward_takes_vectors_and_columns(rng):
    net, a = NeuralNetwork([3, 4, 2], seed=4), rng.random(3)
    expected = a
    for w, b in zip(net.weights, net.biases, strict=True):
        expected = logistic(w @ expected + b)
    np.testing.assert_allclose(net.feedforward(a), expected, rtol=1e-12)
    np.testing.assert_allclose(net.feedforward(a.reshape(3, 1)), expected.reshape(2, 1), rtol=1e-12)


def test_evaluate_takes_indices_and_one_hot_vectors(rng, capsys):
    net, pairs = NeuralNetwork([4, 3], seed=5), pairs_for([4, 3], 30, rng)
    outputs = np.array([net.feedforward(x) for x, _ in pairs])
    right = int(np.sum(outputs.argmax(axis=1) == np.array([y.argmax() for _, y in pairs])))
    assert 0 < right < 30
    assert net.evaluate(pairs) == right
    assert net.evaluate([(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in pairs]) == right
    assert net.evaluate([(x, int(y.argmax())) for x, y in pairs]) == right
    net.SGD(pairs, 1, 30, 1e-12, test_data=pairs)
    assert capsys.readouterr().out == f"Epoch 0: {right} / 30\n"


def arrays_for(sizes, count, rng):
    pairs = pairs_for(sizes, count, rng)
    return pairs, np.array([x for x, _ in pairs]), np.array([y for _, y in pairs])


ITERABLES = {
    "zip": zip,
    "generator": lambda x, y: ((x[row], y[row]) for row in range(len(x))),
    "map of lists": lambda x, y: map(list, zip(x, y, strict=True)),
    "tuple": lambda x, y: tuple(zip(x, y, strict=True)),
    "array of objects": lambda x, y: np.array([*zip(x, y, strict=True), None], dtype=object)[:-1],
    "dict's items": lambda x, y: {tuple(row): target for row, target in zip(x, y, strict=True)}.items(),
}


@pytest.mark.parametrize("make", ITERABLES.values(), ids=ITERABLES)
def test_any_iterable_of_pairs_trains_and_tests_as_a_list_does(make, rng, capsys):
    pairs, x, y = arrays_for([4, 5, 3], 12, rng)
    one, other = NeuralNetwork([4, 5, 3], seed=8), NeuralNetwork([4, 5, 3], seed=8)
    one.SGD(pairs, 3, 5, 2.0, test_data=pairs)
    listed = capsys.readouterr().out
    other.SGD(make(x, y), 3, 5, 2.0, test_data=make(x, y))
    assert capsys.readouterr().out == listed
    assert [line.partition(":")[0] for line in listed.splitlines()] == ["Epoch 0", "Epoch 1", "Epoch 2"]
    np.testing.assert_array_equal(one.network.parameters, other.network.parameters)
    right = sum(int(np.argmax(one.feedforward(a)) == np.argmax(b)) for a, b in pairs)
    assert listed.splitlines()[-1] == f"Epoch 2: {right} / 12"
    assert one.evaluate(make(x, y)) == right
    one.update_mini_batch(make(x, y), 2.0)
    other.update_mini_batch(pairs, 2.0)
    np.testing.assert_array_equal(one.network.parameters, other.network.parameters)


READ = iter([])
NO_PAIRS = {
    "empty training data": ((iter([]),), "training_data: is empty, or an iterator that was read before; at least one"),
    "empty test data": (([([1.0, 2.0], [1.0])], []), "test_data: is empty, or an iterator that was read before"),
    "test data that was read": (([([1.0, 2.0], [1.0])], READ), "test_data: is empty, or an iterator that was read"),
    "two arrays": (((np.ones((5, 2)), np.ones((5, 1))),), "training_data: item 0 (counted from 0): array([[1., 1.],"),
    "inputs alone": (
        (np.ones((5, 3)),),
        "training_data: item 0 (counted from 0): array([1., 1., 1.]) is no pair (x, y)",
    ),
    "a number": ((3,), "training_data: 3 is no list of pairs (x, y)"),
    "test data of another size": (([([1.0, 2.0], [1.0])], [([1.0], [1.0])]), "test_data: pair 0: layer 1 expects 2"),
}


@pytest.mark.parametrize(("data", "message"), NO_PAIRS.values(), ids=NO_PAIRS)
def test_what_is_no_pairs_is_refused_in_one_line_before_the_training(data, message, capsys):
    net = NeuralNetwork([2, 1], seed=0)
    before = net.network.parameters.copy()
    with pytest.raises(DataError) as caught:
        net.SGD(data[0], 1, 2, 1.0, *data[1:])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(net.network.parameters, before)


def test_columns_train_as_vectors_do(rng):
    pairs = pairs_for([4, 5, 3], 6, rng)
    one, other = NeuralNetwork([4, 5, 3], seed=6), NeuralNetwork([4, 5, 3], seed=6)
    one.update_mini_batch(pairs, 3.0)
    other.update_mini_batch([(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in pairs], 3.0)
    np.testing.assert_array_equal(one.network.parameters, other.network.parameters)


def test_parameters_can_be_set():
    net = NeuralNetwork([2, 2, 1], seed=7)
    net.weights = [np.eye(2), [[1.0, -1.0]]]
    net.biases = [np.zeros((2, 1)), [0.5]]
    net.weights[0] = 2 * np.eye(2)
    hidden = logistic(np.array([2.0, 6.0]))
    np.testing.assert_allclose(net.feedforward([1.0, 3.0]), [logistic(hidden[0] - hidden[1] + 0.5)], rtol=1e-12)
    with pytest.raises(DataError, match=r"weights of layer 2: got the shape \(2, 1\), expected \(1, 2\)"):
        net.weights = [np.eye(2), [[1.0], [-1.0]]]


def test_names_and_functions():
    net = NeuralNetwork([784, 30, 10], seed=0)
    assert (net.num_layers, net.sizes) == (3, [784, 30, 10])
    assert [w.shape for w in net.weights] == [(30, 784), (10, 30)]
    assert [b.shape for b in net.biases] == [(30,), (10,)]
    np.testing.assert_array_equal(net.cost_derivative([0.5, 1.0], [1.0, 0.0]), [-0.5, 1.0])
    assert sigmoid(0.0) == 0.5
    assert sigmoid_prime(0.0) == 0.25
    assert NeuralNetwork([3, 2], seed=1).weights[0].tolist() == NeuralNetwork([3, 2], seed=1).weights[0].tolist()
    assert NeuralNetwork([3, 2]).weights[0].tolist() != NeuralNetwork([3, 2]).weights[0].tolist()


BAD = [
    (lambda net: net.feedforward([1.0, 2.0]), r"layer 1 expects 3 inputs, got an array of shape \(2,\)"),
    (lambda net: net.update_mini_batch([], 1.0), "mini_batch: is empty"),
    (lambda net: net.backprop([1.0, 2.0, 3.0], [1.0]), "the output layer has 2 neurons"),
    (lambda net: net.SGD([([1, 2, 3], [0, 1])], 1, 0, 1.0), "mini_batch_size: 0 should be at least 1"),
    (lambda net: net.update_mini_batch([([1, 2, 3], [0, 1])], -1.0), "eta: -1.0 should be greater than 0"),
    (lambda net: net.update_mini_batch([([1, 2, 3], [0, 1])], float("nan")), "eta: nan should be"),
    (lambda _: NeuralNetwork([3]), "two or more"),
]


@pytest.mark.parametrize(("act", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(act, message):
    with pytest.raises((DataError, ConfigError), match=message):
        act(NeuralNetwork([3, 4, 2], seed=0))
