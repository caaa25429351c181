"""The columns of tables: losses in several parts, rates of several groups, and metrics."""

import optax_lr as olr
from optax_lr.logs.columns import is_metric
from tests.logs.cases import written


def test_results_of_yolo(tmp_path):
    names = ["epoch", "train/box_loss", "train/cls_loss", "metrics/mAP_0.5", "val/box_loss", "x/lr0", "x/lr1", "x/lr2"]
    rows = [[0, 0.5, 0.25, 0.1, 1.5, 1e-4, 1e-4, 0.1], [1, 0.25, 0.125, 0.2, 1.25, 2e-4, 2e-4, 0.05]]
    text = "\n".join(",".join(f"{cell:>20}" for cell in row) for row in [names, *rows])
    log = olr.read_log(written(tmp_path, text))
    assert log.step.tolist() == [0, 1]
    assert log.learning_rate.tolist() == [1e-4, 2e-4]
    assert log.loss.tolist() == [0.75, 0.375]
    assert log.eval_loss.tolist() == [1.5, 1.25]
    assert log.writer == "ultralytics"
    assert [note for note in log.notes if "group" in note] == ["several parameter groups: the first is read, not x/lr2"]
    assert "the loss is the sum of train/box_loss, train/cls_loss" in log.notes
    alike = text.replace("x/lr", "lr/pg").replace(" 0.1\n", " 0.0001\n").replace("0.05", "0.0002")
    assert not any("group" in note for note in olr.read_log(written(tmp_path, alike)).notes)


def test_names_of_evaluation_metrics():
    assert all(map(is_metric, ("eval_wer", "metrics/mAP50(B)", "val_accuracy", "eval/rewards/accuracies")))
    assert not any(map(is_metric, ("eval_loss", "eval_runtime", "loss")))
