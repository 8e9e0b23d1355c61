"""The training loop: epoch by epoch, checkpointed after each, the best one kept."""

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

OnBatch = Callable[[int, int, int], None]
"""Called with epoch (from 1), batches done, batches in all."""
OnEpoch = Callable[[list[Row]], None]
"""Called with the history after each epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What is called as training proceeds."""

    on_batch: OnBatch
    on_epoch: OnEpoch


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How to train, and on scans of what size."""

    settings: TrainSettings
    full_px: int
    """Rows and columns of the data's scans."""
    processes: int = 0
    """Worker processes that make examples; 0 for threads of this one."""
    multiple_px: int = 1
    """Of which any other size must be a multiple."""

    def size_px(self, epoch: int) -> int:
        """Rows and columns of scans in an epoch, from 0."""
        return self.settings.size_px(epoch, self.full_px, self.multiple_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    """What an epoch reads."""

    train: PreparedScans
    val: PreparedScans | None
    loader: Loader


class AveragingAdamW(keras.optimizers.AdamW):
    """AdamW that averages the weights beside them: Keras puts the average in their place whenever a
    fit ends, and here an epoch is a fit of its own, which the next must continue from.
    """

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        """Leave the weights as they are; `averaged` exchanges them where the average is wanted."""


def compile_model(model: keras.Model, settings: TrainSettings, scans: int) -> None:
    """Give the model its loss, figures and optimizer (built, so that its state can be loaded).

    AdamW, warm-up, then a cosine to nothing; weights averaged over about the last hundred steps,
    or a tenth of a short run.
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
    """What `compile` takes to train the map and, where the model tells one, the class."""
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
    callbacks: Callbacks,
) -> tuple[keras.Model, Progress]:
    """Train the model that `build` makes, compiled, for a number of rows and columns.

    `scans` are those to train on and those to validate on. Goes on from `folder/checkpoints` if
    there is one. Returns the model of the full size with averaged weights: of the best epoch at
    that size by validation Dice, or of the last where there is nothing to validate on.
    """
    with open_loader(scans[0], plan.processes) as loader:
        feed = _Feed(train=scans[0], val=scans[1], loader=loader)
        return _train(build, feed, plan, folder, callbacks)


def _train(
    build: Callable[[int], keras.Model],
    feed: _Feed,
    plan: TrainingPlan,
    folder: Path,
    callbacks: Callbacks,
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
        row = _epoch(model, feed, plan, epoch, callbacks.on_batch)
        if not math.isfinite(row["Loss"]):
            raise InputError(
                f"the loss became NaN in epoch {epoch + 1}; lower --learning-rate or check the "
                "data."
            )
        history.append(row)
        progress = replace(progress, epochs_done=epoch + 1)
        if feed.val is None:
            progress = replace(progress, best_epoch=epoch + 1)
        elif size == plan.full_px and row["val_Dice_coef"] > progress.best_dice:
            progress = replace(progress, best_epoch=epoch + 1, best_dice=row["val_Dice_coef"])
            save_checkpoint(best, model, progress)
        write_history(folder / "history.csv", history)
        save_checkpoint(last, model, progress)
        callbacks.on_epoch(history)
    model = build(plan.full_px) if model is None else model
    load_checkpoint(last if feed.val is None else best, model)
    averaged(model).on_test_begin()
    return model, progress


def averaged(model: keras.Model) -> keras.callbacks.SwapEMAWeights:
    """A callback that exchanges the model's weights and their average while it is tested."""
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    return swap


def validated(
    model: keras.Model,
    scans: PreparedScans,
    plan: TrainingPlan,
    *callbacks: keras.callbacks.Callback,
) -> Row:
    """Figures of a compiled model on scans that it is not trained on, at its own size."""
    plain = PlainBatches(scans, plan.settings.batch_size, targets_of(model), model.input_shape[1])
    tested = model.evaluate(plain, verbose=0, return_dict=True, callbacks=list(callbacks))
    return _metrics(tested, "val_")


def _epoch(
    model: keras.Model, feed: _Feed, plan: TrainingPlan, epoch: int, on_batch: OnBatch
) -> Row:
    started = time.monotonic()
    size = plan.size_px(epoch)
    examples = Epoch(feed.train, plan.settings, epoch, size)
    batches = TrainingBatches(examples, targets_of(model), feed.loader)
    report_batch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: on_batch(epoch + 1, batch + 1, len(batches))
    )
    result = model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[report_batch])
    trained = {name: values[-1] for name, values in result.history.items()}
    row = _metrics(trained, "")
    if feed.val is not None:
        row |= validated(model, feed.val, plan, averaged(model))
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    seconds = time.monotonic() - started
    return {"epoch": epoch + 1, **row, "learning_rate": rate, "seconds": seconds}


def targets_of(model: keras.Model) -> Targets:
    """What the model is trained on: masks, or masks and classes."""
    return "masks" if len(model.outputs) == 1 else "masks and classes"


def _metrics(logs: dict[str, Any], prefix: str) -> Row:
    return {
        prefix + ("objective" if name == "loss" else name): float(value)
        for name, value in logs.items()
    }
