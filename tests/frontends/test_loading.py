"""Model files: every kind that is taken, and every way in which one is refused."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snn_deploy.checkpoints import Checkpoint, InputSpec, save, to_mapping
from snn_deploy.errors import ModelError, SnnDeployError, UsageError
from snn_deploy.frontends.loading import load, read_checkpoint
from snn_deploy.models import build

SPEC = InputSpec((3, 32, 32), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), 4)
NAME = "ms_resnet20"


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(build(NAME).state_dict())


@pytest.fixture
def content(weights: dict[str, Tensor]) -> dict[str, Any]:
    return to_mapping(Checkpoint(NAME, {"classes": 10}, weights, SPEC, {"test_accuracy": 0.5}))


def written(folder: Path, content: Any) -> Path:
    path = folder / "model.pt"
    torch.save(content, path)
    return path


def same(module: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    loaded = module.state_dict()
    return all(torch.equal(loaded[name], tensor) for name, tensor in weights.items())


def test_checkpoint(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "mine.pt"
    save(Checkpoint(NAME, {}, weights, SPEC, {"test_accuracy": 0.5}), path)
    loaded = load(path)
    assert (loaded.name, loaded.architecture, loaded.input) == ("mine", NAME, SPEC)
    assert loaded.metrics == {"test_accuracy": 0.5}
    assert loaded.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not loaded.module.training
    assert loaded.module.steps == 4
    assert same(loaded.module, weights)
    assert read_checkpoint(path).input == SPEC
    assert load(path, steps=7).module.steps == 7
    assert load(path, steps=7).input == InputSpec(SPEC.shape, SPEC.mean, SPEC.std, 7)


@pytest.mark.parametrize("nested", [None, "state_dict", "model"])
@pytest.mark.parametrize("architecture", [None, NAME])
def test_bare_state_dict(
    nested: str | None, architecture: str | None, tmp_path: Path, weights: dict[str, Tensor]
) -> None:
    bare = {f"module.{n}": t for n, t in weights.items() if "num_batches" not in n}
    path = written(tmp_path, {nested: bare, "epoch": 3} if nested else bare)
    loaded = load(path, architecture=architecture, steps=5)
    assert (loaded.architecture, loaded.input, loaded.module.steps) == (NAME, None, 5)
    assert same(loaded.module, {n.removeprefix("module."): t for n, t in bare.items()})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ms_resnet32", {"classes": 100}),
        ("ms_resnet18_cifar", {}),
    ],
)
def test_architecture_is_found(name: str, options: Mapping[str, Any], tmp_path: Path) -> None:
    loaded = load(written(tmp_path, build(name, **options).state_dict()))
    assert loaded.architecture == name
    assert loaded.module.fc.out_features == options.get("classes", 10)


def test_shortcuts_that_look_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, build(NAME, shortcut="spiking").state_dict())
    with pytest.raises(ModelError) as caught:
        load(path)
    assert "spiking" in caught.value.problem
    assert "pooled" in caught.value.problem
    spiking = Checkpoint(NAME, {"shortcut": "spiking"}, torch.load(path), SPEC)
    save(spiking, path)
    assert len(load(path).module.get_submodule("conv3_x.0.shortcut")) == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype, tmp_path: Path, weights: dict[str, Tensor]) -> None:
    half = {n: t.to(dtype) if t.is_floating_point() else t for n, t in weights.items()}
    loaded = load(written(tmp_path, half), architecture=NAME)
    assert {t.dtype for t in loaded.module.parameters()} == {torch.float32}


def tiny() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2))


def no_module() -> int:
    return 3


def test_factory(tmp_path: Path) -> None:
    made = load(None, factory=f"{__name__}:tiny")
    assert (made.name, made.source_sha256) == ("tiny", "")
    path = written(tmp_path, made.module.state_dict())
    loaded = load(path, factory=f"{__name__}:tiny")
    assert same(loaded.module, made.module.state_dict())
    torch.save({"0.weight": torch.zeros(2, 4), "1.bias": torch.zeros(2)}, path)
    with pytest.raises(ModelError) as caught:
        load(path, factory=f"{__name__}:tiny")
    assert "1 missing (0.bias)" in caught.value.problem
    assert "1 left over (1.bias)" in caught.value.problem
    assert "0.weight [2, 4] instead of [2, 3]" in caught.value.problem


@pytest.mark.parametrize(
    ("factory", "kind", "text"),
    [
        ("nowhere.to.be:found", UsageError, "cannot be imported"),
        (f"{__name__}:missing", UsageError, "cannot be imported"),
        ("justaname", UsageError, "names no function"),
        (f"{__name__}:no_module", ModelError, "gives a int"),
    ],
)
def test_wrong_factory(factory: str, kind: type[SnnDeployError], text: str) -> None:
    with pytest.raises(kind) as caught:
        load(None, factory=factory)
    assert text in str(caught.value)


class Exploding:
    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


def test_pickles_run_only_if_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, Exploding())
    with pytest.raises(ModelError) as caught:
        load(path)
    assert "runs code" in caught.value.problem
    assert "--trust-pickle" in caught.value.remedy
    assert not (tmp_path / "exploded").exists()
    path = written(tmp_path, tiny())
    assert isinstance(load(path, trust_pickle=True).module, nn.Sequential)
    with pytest.raises(ModelError):
        load(path)


def replaced(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        *outer, last = field.split(".")
        for name in outer:
            content = content[name]
        if value is None:
            del content[last]
        else:
            content[last] = value

    return change


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("format", "snn-deploy-checkpoint/9", "format 'snn-deploy-checkpoint/9'"),
        ("architecture", None, "'architecture' is missing"),
        ("architecture", "resnet50", "unknown architecture 'resnet50'"),
        ("architecture", 3, "'architecture' is int, not str"),
        ("config", {"depth": 10**9}, "unknown entries ['depth']"),
        ("config", {"classes": 10**9}, "'config.classes' is 1000000000"),
        ("config", {"classes": 11}, "fc.weight [10, 64] instead of [11, 64]"),
        ("config", {"steps": 6}, "config.steps"),
        ("config", {"shortcut": "pooled"}, "does not fit ms_resnet20 with shortcut 'pooled'"),
        ("config", [], "'config' is list"),
        ("input", None, "'input' is missing"),
        ("input.steps", 0, "it may be 1 to 10000"),
        ("input.steps", 10**6, "it may be 1 to 10000"),
        ("input.steps", 2.5, "'input.steps' is float"),
        ("input.steps", True, "'input.steps' is bool"),
        ("input.shape", [], "no list of finite numbers"),
        ("input.shape", [3, -1, 32], "not [C, H, W]"),
        ("input.shape", [3, 32, 10**9], "not [C, H, W]"),
        ("input.shape", "3,32,32", "'input.shape' is str"),
        ("input.mean", [0.5], "one number for each of 3 channels"),
        ("input.mean", [float("nan")] * 3, "no list of finite numbers"),
        ("input.std", [0.0, 1.0, 1.0], "not above zero"),
        ("metrics", 5, "'metrics'"),
        ("state_dict", None, "'state_dict' is missing"),
        ("state_dict.fc.weight", 5, "holds int under 'fc.weight'"),
        ("state_dict.fc.bias", None, "1 missing (fc.bias)"),
        ("state_dict.more", torch.zeros(1), "1 left over (more)"),
    ],
)
def test_wrong_checkpoint(
    field: str, value: Any, text: str, tmp_path: Path, content: dict[str, Any]
) -> None:
    if field.startswith("state_dict."):
        name = field.removeprefix("state_dict.")
        content["state_dict"] |= {name: value}
        if value is None:
            del content["state_dict"][name]
    else:
        replaced(field, value)(content)
    path = written(tmp_path, content)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert text in caught.value.problem
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_checkpoint_of_another_architecture(tmp_path: Path, content: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is a checkpoint of ms_resnet20"):
        load(written(tmp_path, content), architecture="ms_resnet32")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(
    value: float, tmp_path: Path, weights: dict[str, Tensor]
) -> None:
    broken = {n: t.clone() for n, t in weights.items()}
    broken["conv2_x.0.residual_function.1.weight"][0, 0] = value
    with pytest.raises(ModelError) as caught:
        load(written(tmp_path, broken), architecture=NAME)
    assert "'conv2_x.0.residual_function.1.weight' has 9 of 2304" in caught.value.problem


def test_nearest_architecture_is_named(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    lacking = {n: t for n, t in weights.items() if not n.startswith("conv2_x.0")}
    path = written(tmp_path, lacking | {"extra": torch.zeros(1), "fc.weight": torch.zeros(10, 32)})
    with pytest.raises(ModelError) as caught:
        load(path)
    assert f"does not fit {NAME}: 10 missing (conv2_x.0" in caught.value.problem
    assert ", …)" in caught.value.problem
    assert "1 left over (extra)" in caught.value.problem
    assert "1 of another shape (fc.weight [10, 32] instead of [10, 64])" in caught.value.problem


def test_tensors_larger_than_their_storage(tmp_path: Path) -> None:
    path = written(tmp_path, {"fc.weight": torch.zeros(1).expand(10**9, 64)})
    with pytest.raises(ModelError, match="fewer elements stored"):
        load(path)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("empty.pt", b"", "is empty"),
        ("text.pt", b"hello, this is no model at all", "no torch file"),
        ("pickle.pt", b"\x80\x02junk", "no torch file"),
        ("cut.pt", b"PK\x03\x04junk", "cut off"),
        ("a.nir", b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        ("a.onnx", b"\x08\x0a" + bytes(20), "ONNX"),
        ("a.safetensors", b"\x10" + bytes(7) + b'{"a":1}', "safetensors"),
        ("renamed.pt", b"\x10" + bytes(7) + b'{"a":1}  ', "safetensors"),
    ],
)
def test_other_files(name: str, data: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert text in caught.value.problem
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_file_cut_off(tmp_path: Path, content: dict[str, Any]) -> None:
    path = written(tmp_path, content)
    for share in (0.1, 0.5, 0.99):
        cut = tmp_path / "cut.pt"
        cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(ModelError, match="damaged, cut off"):
            load(cut)


def test_programs_and_scripts(tmp_path: Path) -> None:
    import zipfile

    for entries, text in [
        (("a/archive_format", "a/models/model.json"), "torch.export"),
        (("a/data.pkl", "a/code/__torch__.py"), "TorchScript"),
    ]:
        path = tmp_path / "archive.pt"
        with zipfile.ZipFile(path, "w") as archive:
            for entry in entries:
                archive.writestr(entry, "x")
        with pytest.raises(ModelError, match=text):
            load(path)


def test_archives_that_unpack_to_more(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(1_000_000))
    with pytest.raises(ModelError, match="compressed"):
        load(path)


@pytest.mark.parametrize("content", [[1, 2], 7, torch.zeros(3), {"epoch": 3}, {}])
def test_contents_without_weights(content: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load(written(tmp_path, content))
    assert "holds" in caught.value.problem


def test_usage(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = written(tmp_path, weights)
    for arguments, text in [
        (((tmp_path / "missing.pt"), {}), "there is no file"),
        ((tmp_path, {}), "is no file"),
        ((path, {"architecture": "resnet50"}), "no architecture 'resnet50'; known: ms_resnet20"),
        ((path, {"steps": 0}), "0 steps"),
        ((path, {"steps": 20_000}), "20000 steps"),
        ((None, {}), "no model"),
    ]:
        with pytest.raises(UsageError) as caught:
            load(arguments[0], **arguments[1])
        assert text in str(caught.value)
        assert caught.value.exit_code == 2
    with pytest.raises(ModelError, match="no checkpoint of ours"):
        read_checkpoint(path)


def test_other_peoples_networks(shared_data: Path) -> None:
    for name in (
        "ann_resnet20_cifar10.th",
        "sinabs_mnist_cnn.pt",
        "spikingjelly_dvsgesture_c32.pt",
    ):
        with pytest.raises(ModelError, match="does not fit"):
            load(shared_data / "nets" / name)
