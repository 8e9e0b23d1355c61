"""The training loop: a checkpoint after every epoch; the best epoch is kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from busicli.data.store import PreparedScans
from busicli.errors import InputError
from busicli.models.losses import Objective, PixelScores
from busicli.settings import TrainSettings
from busicli.training.batches import PlainBatches, Targets, TrainingBatches
from busicli.training.checkpoint import Progress, load_checkpoint, read_progress, save_checkpoint
from busicli.training.examples import Epoch
from busicli.training.history import Row, read_history, write_history
from busicli.training.loader import Loader, open_loader
from busicli.training.request import TrainCallbacks


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How to train, and at which sizes."""

    settings: TrainSettings
    full_px: int
    """Rows and columns of the prepared scans."""
    processes: int = 0
    """Worker processes that prepare examples; 0 for threads of this process."""
    multiple_px: int = 1
    """Any other size is a multiple of this."""

    def size_px(self, epoch: int) -> int:
        """Rows and columns of scans in an epoch, counted from 0."""
        return self.settings.size_px(epoch, self.full_px, self.multiple_px)

    def seconds_left(self, done: int, last_epoch_s: float) -> float:
        """The estimated time of the epochs that remain after `done`, at least one.

        An epoch takes as long as the last one, times the ratio of their pixels.
        """
        last = self.size_px(done - 1)
        rest = range(done, self.settings.epochs)
        return sum(last_epoch_s * (self.size_px(epoch) / last) ** 2 for epoch in rest)

    def compared_epochs(self) -> range:
        """Epochs, counted from 1, among which the best is chosen: those at full size.

        Validation at a smaller size is easier or harder, so that its metrics are not comparable.
        """
        epochs = range(self.settings.epochs)
        first = next(epoch for epoch in epochs if self.size_px(epoch) == self.full_px)
        return range(first + 1, self.settings.epochs + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    """What an epoch reads."""

    train: PreparedScans
    val: PreparedScans | None
    loader: Loader


class AveragingAdamW(keras.optimizers.AdamW):
    """AdamW with a running average of the weights, which do not take its values after a fit.

    Keras replaces the weights by their average whenever a fit ends. Here each epoch is a fit, and
    the next must continue from the weights themselves.
    """

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        """Leave the weights as they are; `averaged` swaps them where the average is wanted."""


def compile_model(model: keras.Model, settings: TrainSettings, scans: int) -> None:
    """Give the model its loss, metrics and optimizer, built so that its state can be loaded.

    AdamW with warm-up and cosine decay to 0. Weights are averaged over about the last hundred
    steps, or over a tenth of a short run.
    """
    steps = settings.epochs * -(-scans // settings.batch_size)
    warmup = min(int(settings.warmup_epochs * steps / settings.epochs), steps // 4)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        max(1, steps - warmup),
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = AveragingAdamW(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=min(settings.ema_momentum, 1 - 1 / (1 + steps / 10)),
        ema_overwrite_frequency=None,
        beta_2=0.98,  # a run has some thousand steps: the default remembers as many
    )
    model.compile(
        optimizer,
        **losses_of(model, settings),
        metrics=[PixelScores(), *([None] * (len(model.outputs) - 1))],
        jit_compile="auto",
    )
    optimizer.build(model.trainable_variables)


def losses_of(model: keras.Model, settings: TrainSettings) -> dict[str, Any]:
    """The losses of the map and, where the model has the output, of the class."""
    objective = Objective(
        bce=settings.bce_weight,
        dice=settings.dice_weight,
        presence=settings.presence_weight,
    )
    if len(model.outputs) == 1:
        return {"loss": objective}
    by_class = keras.losses.CategoricalCrossentropy()
    return {"loss": [objective, by_class], "loss_weights": [1.0, settings.class_weight]}


def train_model(
    build: Callable[[int], keras.Model],
    scans: tuple[PreparedScans, PreparedScans | None],
    plan: TrainingPlan,
    folder: Path,
    callbacks: TrainCallbacks,
) -> tuple[keras.Model, Progress]:
    """Train the model that `build` makes, compiled, for a number of rows and columns.

    `scans` are those to train on and those to validate on. Resumes from `folder/checkpoints` if
    there is one. Returns the model of the full size with averaged weights: of the best epoch at
    that size by validation Dice, or of the last epoch where there is nothing to validate on.
    Raises InputError where the loss becomes NaN, or a checkpoint belongs to another model.
    """
    with open_loader(scans[0], plan.processes) as loader:
        feed = _Feed(train=scans[0], val=scans[1], loader=loader)
        return _train(build, feed, plan, folder, callbacks)


def _train(
    build: Callable[[int], keras.Model],
    feed: _Feed,
    plan: TrainingPlan,
    folder: Path,
    callbacks: TrainCallbacks,
) -> tuple[keras.Model, Progress]:
    last, best = (folder / "checkpoints" / f"{name}.safetensors" for name in ("last", "best"))
    progress = read_progress(last) if last.is_file() else Progress()
    history = read_history(folder / "history.csv")[: progress.epochs_done]
    model: keras.Model | None = None
    for epoch in range(progress.epochs_done, plan.settings.epochs):
        size = plan.size_px(epoch)
        if model is None or model.input_shape[1] != size:
            model = build(size)
            if epoch:
                load_checkpoint(last, model)
        row = _epoch(model, feed, plan, epoch, callbacks)
        if not math.isfinite(row["Loss"]):
            raise InputError(
                f"the loss became NaN in epoch {epoch + 1}; lower --learning-rate or check the "
                "data."
            )
        history.append(row)
        progress = replace(progress, epochs_done=epoch + 1)
        if feed.val is None:
            progress = replace(progress, best_epoch=epoch + 1)
        elif epoch + 1 in plan.compared_epochs() and row["val_Dice_coef"] > progress.best_dice:
            progress = replace(progress, best_epoch=epoch + 1, best_dice=row["val_Dice_coef"])
            save_checkpoint(best, model, progress)
        write_history(folder / "history.csv", history)
        save_checkpoint(last, model, progress)
        callbacks.on_epoch(history, plan.seconds_left(epoch + 1, row["seconds"]))
    model = build(plan.full_px) if model is None else model
    load_checkpoint(last if feed.val is None else best, model)
    averaged(model).on_test_begin()
    return model, progress


def averaged(model: keras.Model) -> keras.callbacks.SwapEMAWeights:
    """A callback that swaps the model's weights and their average while it is tested."""
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    return swap


def validated(
    model: keras.Model,
    scans: PreparedScans,
    plan: TrainingPlan,
    *callbacks: keras.callbacks.Callback,
) -> Row:
    """Metrics of a compiled model on scans that it is not trained on, at its own size."""
    plain = PlainBatches(scans, plan.settings.batch_size, targets_of(model), model.input_shape[1])
    tested = model.evaluate(plain, verbose=0, return_dict=True, callbacks=list(callbacks))
    return _metrics(tested, "val_")


def _epoch(
    model: keras.Model, feed: _Feed, plan: TrainingPlan, epoch: int, called: TrainCallbacks
) -> Row:
    started = time.monotonic()
    size = plan.size_px(epoch)
    examples = Epoch(feed.train, plan.settings, epoch, size)
    batches = TrainingBatches(examples, targets_of(model), feed.loader)
    report_batch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: called.on_batch(epoch + 1, batch + 1, len(batches))
    )
    result = model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[report_batch])
    trained = {name: values[-1] for name, values in result.history.items()}
    row = _metrics(trained, "")
    if feed.val is not None:
        row |= validated(model, feed.val, plan, averaged(model))
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    seconds = time.monotonic() - started
    rest = {"learning_rate": rate, "size_px": size, "seconds": seconds}
    return {"epoch": epoch + 1, **row, **rest}


def targets_of(model: keras.Model) -> Targets:
    """The targets that the model's outputs need."""
    return "masks" if len(model.outputs) == 1 else "masks and classes"


def _metrics(logs: dict[str, Any], prefix: str) -> Row:
    return {
        prefix + ("objective" if name == "loss" else name): float(value)
        for name, value in logs.items()
    }
