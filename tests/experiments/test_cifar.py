"""CIFAR from files: every version read alike, damaged and hostile files refused; batches against loops."""

import os
import pickle
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra experiment is not installed")

from experiments.cifar import batches, in_order, moved, read_cifar
from tests.experiments.made_cifar import PIXELS, made, write_binary, write_cifar10, write_cifar100, write_python
from tools.files import BuildError

torch.set_num_threads(1)


def read(folder, name=None):
    return read_cifar(folder, name, any_size=True)


def assert_is(part, images, labels):
    assert np.array_equal(part.images.numpy().reshape(-1, PIXELS), images)
    assert part.images.shape[1:] == (3, 32, 32)
    assert np.array_equal(part.classes.numpy(), labels)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(("write", "classes"), [(write_cifar10, 10), (write_cifar100, 100)])
def test_both_versions_of_both_data_sets_are_read(tmp_path, write, classes, binary):
    images, labels = write(tmp_path, binary=binary)
    data = read(tmp_path)
    assert_is(data.train, images, labels)
    assert (data.name, data.classes) == (f"cifar{classes}", classes)


def test_the_made_up_pickle_is_what_numpy_reads(tmp_path):
    """So the stand-ins for NumPy's functions are tried on what NumPy's own take."""
    images, labels = made(3, 10, 0)
    write_python(tmp_path / "one", images, labels)
    with open(tmp_path / "one", "rb") as file:
        batch = pickle.load(file, encoding="bytes")
    assert np.array_equal(batch[b"data"], images)
    assert batch[b"labels"] == labels.tolist()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_batches_that_python_3_wrote_are_read(tmp_path, protocol, order):
    images, labels = write_cifar10(tmp_path)
    for k in range(5):
        rows = slice(40 * k, 40 * (k + 1))
        batch = {"data": np.asarray(images[rows], order=order), "labels": labels[rows].tolist()}
        (tmp_path / f"data_batch_{k + 1}").write_bytes(pickle.dumps(batch, protocol))
    assert_is(read(tmp_path).train, images, labels)


def test_the_folder_of_the_archive_is_found(tmp_path):
    write_cifar10(tmp_path / "cifar-10-batches-py")
    write_cifar100(tmp_path / "cifar-100-binary", binary=True)
    with pytest.raises(BuildError, match="say --dataset cifar10 or --dataset cifar100"):
        read(tmp_path)
    assert read(tmp_path, "cifar100").classes == 100
    assert read(tmp_path, "cifar10").classes == 10


class Runs:
    """A pickle of it calls what it is given."""

    def __init__(self, call, *given):
        self.call, self.given = call, given

    def __reduce__(self):
        return self.call, self.given


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "hostile", [Runs(eval, "__import__('sys').hostile(1)"), Runs(np.load, "x"), Runs(os.system, "")]
)
def test_a_pickle_calls_nothing(tmp_path, protocol, hostile, monkeypatch):
    called = []
    monkeypatch.setattr(sys, "hostile", called.append, raising=False)
    write_cifar10(tmp_path)
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({"data": hostile, "labels": [0]}, protocol))
    with pytest.raises(BuildError, match=r"data_batch_3 is not a cifar10 batch \(it names .*which no batch"):
        read(tmp_path)
    assert called == []


def damaged(write, *given):
    """Return a call that writes a batch in place of the third."""
    return lambda folder: write(folder / "data_batch_3", *given)


IMAGES, LABELS = made(5, 10, 1)
BAD_BATCHES = {
    "torn": lambda folder: (folder / "data_batch_3").write_bytes((folder / "data_batch_3").read_bytes()[:-50]),
    "empty": lambda folder: (folder / "data_batch_3").write_bytes(b""),
    "no pickle": lambda folder: (folder / "data_batch_3").write_bytes(b"<html>404</html>"),
    "fewer classes": damaged(write_python, IMAGES, LABELS[:4]),
    "class 10": damaged(write_python, IMAGES, LABELS + 1),
    "class -1": damaged(write_python, IMAGES, LABELS - 1),
    "other pixels": damaged(write_python, IMAGES[:, :-3], LABELS),
    "other key": damaged(write_python, IMAGES, LABELS, b"fine_labels"),
    "no image": damaged(write_python, IMAGES[:0], LABELS[:0]),
    "floats": lambda folder: (folder / "data_batch_3").write_bytes(
        pickle.dumps({"data": IMAGES.astype(float), "labels": LABELS.tolist()}, 2)
    ),
    "objects": lambda folder: (folder / "data_batch_3").write_bytes(
        pickle.dumps({"data": IMAGES.astype(object), "labels": LABELS.tolist()}, 2)
    ),
    "a list": lambda folder: (folder / "data_batch_3").write_bytes(pickle.dumps([1, 2], 2)),
}


@pytest.mark.parametrize("bad", BAD_BATCHES)
def test_a_damaged_batch_is_named(tmp_path, bad):
    write_cifar10(tmp_path)
    BAD_BATCHES[bad](tmp_path)
    with pytest.raises(BuildError, match=r"data_batch_3 is not a cifar10 batch .*get it from https"):
        read(tmp_path)


def test_a_torn_binary_batch_is_named(tmp_path):
    write_cifar10(tmp_path, binary=True)
    path = tmp_path / "data_batch_4.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BuildError, match=r"data_batch_4\.bin is not a cifar10 batch .*no multiple of 3073"):
        read(tmp_path)
    write_binary(path, IMAGES, LABELS + 1)
    with pytest.raises(BuildError, match="classes from 1 to 10, not from 0 to 9"):
        read(tmp_path)


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(BuildError, match=r"nowhere is no folder.*get it from"):
        read(tmp_path / "nowhere")
    with pytest.raises(BuildError, match=r"holds no CIFAR\. Looked for: .*data_batch_1 to data_batch_5.*train\.bin"):
        read(tmp_path)
    write_cifar10(tmp_path)
    (tmp_path / "data_batch_2").unlink()
    with pytest.raises(BuildError, match=r"lacks data_batch_2, the rest is there"):
        read(tmp_path)


def test_other_sizes_are_taken_only_when_that_is_meant(tmp_path):
    write_cifar10(tmp_path)
    with pytest.raises(BuildError, match=r"has 200 images to train on and 40 to test on, not 50,000 and 10,000"):
        read_cifar(tmp_path)


def test_statistics_are_those_of_the_training_images(tmp_path):
    images, _ = write_cifar10(tmp_path)
    mean, deviation = read(tmp_path).statistics
    values = images.reshape(-1, 3, 1024).astype(float)
    assert mean.flatten().numpy() == pytest.approx(values.mean((0, 2)), rel=1e-6)
    assert deviation.flatten().numpy() == pytest.approx(values.std((0, 2)), rel=1e-6)


def test_windows_move_and_mirror_as_loops_say():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, 3, 32, 32)).astype(np.float32)
    shifts, mirrored = rng.integers(0, 9, (12, 2)), rng.integers(0, 2, 12) == 1
    shifts[:2] = (0, 8), (8, 0)
    found = moved(*map(torch.from_numpy, (x, shifts, mirrored))).numpy()
    for image, (down, across), mirror, window in zip(x, shifts, mirrored, found, strict=True):
        padded = np.zeros((3, 40, 40), np.float32)
        padded[:, 4:36, 4:36] = image
        cut = padded[:, down : down + 32, across : across + 32]
        assert np.array_equal(window, cut[:, :, ::-1] if mirror else cut)


def drawn(data, **options):
    return [(x, classes) for x, classes in batches(data, batch=16, **options)]


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide(tmp_path):
    write_cifar10(tmp_path)
    data = read(tmp_path)
    first = drawn(data, seed=1, epoch=0)
    assert [len(classes) for _, classes in first] == [16] * 12 + [8]
    seen = torch.cat([classes for _, classes in first])
    assert torch.equal(seen.sort()[0], data.train.classes.sort()[0])
    again, other, later = (drawn(data, seed=s, epoch=e) for s, e in ((1, 0), (2, 0), (1, 1)))
    assert all(torch.equal(a, b) for one, two in zip(first, again, strict=True) for a, b in zip(one, two, strict=True))
    for others in (other, later, drawn(data, seed=0, epoch=1)):
        assert not torch.equal(torch.cat([classes for _, classes in others]), seen)


def test_two_processes_share_the_images_of_every_step(tmp_path):
    write_cifar10(tmp_path)
    data = read(tmp_path)
    whole = drawn(data, seed=3, epoch=2)
    shares = [drawn(data, seed=3, epoch=2, rank=rank, processes=2) for rank in (0, 1)]
    for (x, _), *parts in zip(whole, *shares, strict=True):
        both = torch.stack([part for part, _ in parts], 1).flatten(0, 1)
        assert torch.equal(both, x)


def test_test_images_come_in_order_and_unmoved(tmp_path):
    write_cifar10(tmp_path)
    data = read(tmp_path)
    found = list(in_order(data, 15))
    assert torch.equal(torch.cat([classes for _, classes in found]), data.test.classes)
    mean, deviation = data.statistics
    pixels = torch.cat([x for x, _ in found]) * deviation + mean
    assert torch.allclose(pixels, data.test.images.float(), atol=1e-3)
