"""The training loop: epoch by epoch, checkpointed after each, the best one kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from busicli.dataset.store import PreparedScans
from busicli.losses import Objective, PixelScores
from busicli.settings import TrainSettings
from busicli.train.batches import PlainBatches, TrainingBatches
from busicli.train.checkpoint import Progress, load_state, save_state
from busicli.train.history import Row, read_history, write_history

OnBatch = Callable[[int, int, int], None]
"""Called with epoch (from 1), batches done, batches in all."""
OnEpoch = Callable[[list[Row]], None]
"""Called with the history after each epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told of progress."""

    on_batch: OnBatch
    on_epoch: OnEpoch


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
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=min(settings.ema_momentum, 1 - 1 / (1 + steps / 10)),
        ema_overwrite_frequency=None,
    )
    objective = Objective(
        entropy=settings.entropy_weight,
        dice=settings.dice_weight,
        presence=settings.presence_weight,
    )
    model.compile(optimizer, loss=objective, metrics=[PixelScores()], jit_compile="auto")
    optimizer.build(model.trainable_variables)


def train_model(
    model: keras.Model,
    scans: tuple[PreparedScans, PreparedScans | None],
    settings: TrainSettings,
    folder: Path,
    listeners: Listeners,
) -> Progress:
    """Train a compiled model, going on from `folder/checkpoints` if there is one.

    `scans` are those to train on and those to validate on. Leaves averaged weights in the model: of
    the best epoch by validation Dice, or of the last where there is nothing to validate on.
    """
    last, best = (folder / "checkpoints" / f"{name}.safetensors" for name in ("last", "best"))
    progress = load_state(last, model) if last.is_file() else Progress()
    history = read_history(folder / "history.csv")[: progress.epochs_done]
    for epoch in range(progress.epochs_done, settings.epochs):
        row = _epoch(model, scans, settings, epoch, listeners.on_batch)
        history.append(row)
        progress = replace(progress, epochs_done=epoch + 1)
        if scans[1] is None:
            progress = replace(progress, best_epoch=epoch + 1)
        elif row["val_Dice_coef"] > progress.best_dice:
            progress = replace(progress, best_epoch=epoch + 1, best_dice=row["val_Dice_coef"])
            save_state(best, model, progress)
        write_history(folder / "history.csv", history)
        save_state(last, model, progress)
        listeners.on_epoch(history)
    load_state(last if scans[1] is None else best, model)
    averaged(model).on_test_begin()
    return progress


def averaged(model: keras.Model) -> keras.callbacks.SwapEMAWeights:
    """A callback that exchanges the model's weights and their average while it is tested."""
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    return swap


def _epoch(
    model: keras.Model,
    scans: tuple[PreparedScans, PreparedScans | None],
    settings: TrainSettings,
    epoch: int,
    on_batch: OnBatch,
) -> Row:
    started = time.monotonic()
    batches = TrainingBatches(scans[0], settings, epoch)
    tell = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: on_batch(epoch + 1, batch + 1, len(batches))
    )
    result = model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[tell])
    trained = {name: values[-1] for name, values in result.history.items()}
    row = _figures(trained, "")
    if scans[1] is not None:
        plain = PlainBatches(scans[1], settings.batch_size)
        tested = model.evaluate(plain, verbose=0, return_dict=True, callbacks=[averaged(model)])
        row |= _figures(tested, "val_")
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    seconds = time.monotonic() - started
    return {"epoch": epoch + 1, **row, "learning_rate": rate, "seconds": seconds}


def _figures(logs: dict[str, Any], prefix: str) -> Row:
    return {
        prefix + ("objective" if name == "loss" else name): float(value)
        for name, value in logs.items()
    }
