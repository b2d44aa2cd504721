"""Training on a cluster: every batch is shared out, and the gradients are summed where they are."""

from collections.abc import Callable
from functools import partial
from typing import Any

from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from ...call import options
from ...classifier import training
from ...classifier.digits import Digits
from ...classifier.tinycnn import SHAPES, TinyCNN
from ...classifier.training import SGD, Adam, History
from ...core.arrays import Array, unwarned
from ...core.documentation import pointing_to
from .fixed_tree import sum_in_tree


def train(
    model: TinyCNN,
    digits: Digits,
    held_out: Digits,
    optimizer: SGD | Adam,
    *,
    epochs: int,
    seed: int,
    shards: int,
    after_batch: Callable[[History], None] | None = None,
) -> History:
    """`dxdw.classifier.training.train` with each batch in shards, computed side by side.

        gradient = Σ_s (n_s/N) · gradient of the mean loss over the n_s images of shard s

    Dask's scheduler runs the shards: the cluster of the active `distributed.Client`, otherwise
    threads of this process. The sum is added on the cluster too, in a tree that the number of
    shards alone decides; what comes back is one loss and one gradient, and the optimizer's step is
    taken here. So the parameters have the same bits with any number of workers, on one scheduler
    and on another, and where a worker is lost, whose tasks are run again by others. With one shard
    they are those of `dxdw.classifier.training.train`; with several they differ from those by the
    rounding of the sums.

    Parameters
    ----------
    model, digits, held_out, optimizer, epochs, seed : object
        As there; the model's parameters are changed in place.
    shards : int
        Into how many parts a batch of 32 goes, at least 1: as many as there are workers' threads to
        compute them. A small batch has no more shards than images.
    after_batch : object
        As there; the model's parameters are changed in place.

    Returns
    -------
    History
        As there: the loss and the accuracies of every epoch.

    Raises
    ------
    FloatingPointError
        The loss is no longer finite.
    TypeError, ValueError
        `shards` is no integer, or less than 1.

    See Also
    --------
    dxdw.interop.dask.conv2d_backward

    References
    ----------
    Goyal et al., "Accurate, large minibatch SGD", 2017, for data-parallel steps.

    Examples
    --------
    >>> from dxdw.classifier.digits import split_digits
    >>> train_digits, held_out = split_digits()
    >>> few = Digits(train_digits.images[:64], train_digits.labels[:64])
    >>> model = TinyCNN.initial(0)
    >>> history = train(model, few, held_out, Adam(), epochs=1, seed=0, shards=2)
    >>> len(history.losses)
    2
    """
    with pointing_to("dask"):
        shards = options.whole(shards, "shards", least=1)
    return training.train(
        model,
        digits,
        held_out,
        optimizer,
        epochs=epochs,
        seed=seed,
        after_batch=after_batch,
        loss_and_gradients=partial(_in_shards, shards),
    )


def _in_shards(
    shards: int, model: TinyCNN, images: Array, labels: Array
) -> tuple[float, dict[str, Array]]:
    """The loss of a batch and its gradients, computed in shards by Dask's scheduler."""
    each = -(-len(labels) // shards)
    token = tokenize(shards, images, labels, model.parameters)
    parameters = f"parameters-{token}"
    tasks: dict[Any, Any] = {parameters: (_Constant(model.parameters),)}
    shares = [(f"shard-{token}", i) for i in range(-(-len(labels) // each))]
    for i, key in enumerate(shares):
        here = slice(i * each, (i + 1) * each)
        tasks[key] = (_Shard(images[here], labels[here], len(labels)), parameters)
    tree, total = sum_in_tree(f"sum-of-gradients-{token}", shares)
    layer = f"step-{token}"
    graph = HighLevelGraph.from_collections(layer, tasks | tree, dependencies=())
    loss, *gradients = Delayed(total, graph, layer=layer).compute()
    return loss, dict(zip(SHAPES, gradients, strict=True))


class _Constant:
    """A task that gives a value: unlike scattered data, one that a worker lost can be had again."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __call__(self) -> Any:
        return self._value


class _Shard:
    """A shard's part of the loss and of every parameter's gradient, in the order of `SHAPES`."""

    def __init__(self, images: Array, labels: Array, batch: int) -> None:
        self._images, self._labels, self._batch = images, labels, batch

    def __call__(self, parameters: dict[str, Array]) -> tuple[Any, ...]:
        # A loss that is not finite is told by the loop, not by warnings of every worker.
        compute = TinyCNN(parameters).loss_and_gradients
        loss, gradients = training.one_blas_thread(unwarned, compute, self._images, self._labels)
        share = len(self._labels) / self._batch
        return (share * loss, *(share * gradients[name] for name in SHAPES))
