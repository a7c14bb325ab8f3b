"""The written module: what it says, whose processes it makes, and what bounds decide that."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn_deploy.converters.lava.bounds import bounds
from snn_deploy.converters.lava.generate import generate
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Input, SumPool
from snn_deploy.mapping import lay_out, run
from snn_deploy.quantization.graph import QuantGraph
from tests.converters.lava.mapped import NETWORKS, mapped
from tests.networks import INTEGER, Network, stimulus

Golden = Callable[[str, str], None]


def text_of(graph: Graph) -> str:
    return generate(lay_out(mapped(graph)))[0]


def made(text: str) -> Counter[str]:
    """Return how many processes of each class a module makes."""
    lines = (line.removesuffix("(").partition(" = ") for line in text.splitlines())
    return Counter(cls for name, _, cls in lines if name.startswith("    ") and cls.isidentifier())


def test_a_block_of_text_for_each_layer(golden: Golden) -> None:
    golden("lava_network.txt", text_of(INTEGER["ms_identity"]()))


@pytest.mark.parametrize("name", NETWORKS)
def test_modules_are_clean(name: str, tmp_path: Path) -> None:
    """Nothing undefined, nothing unused, nothing shadowed."""
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists() and shutil.which("ruff") is None:
        pytest.skip("needs ruff")
    (tmp_path / "network.py").write_text(text_of(NETWORKS[name]()))
    command = [ruff if ruff.exists() else "ruff", "check", "--isolated", "--select", "F,A,E9"]
    result = subprocess.run(
        [*command, "network.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_names_stay_apart() -> None:
    """Names that Python takes for one, and names that it has already, become variables apart."""
    net = Network((4,), limit=15).linear("np", 4).lif("a.b").linear("Dense", 4).lif("a_b")
    text = text_of(net.linear("lambda", 4).lif("samples").linear("w", 4).finish())
    variables = [line.split(" = ")[0] for line in text.splitlines() if line.endswith("(")]
    assert len(set(variables)) == len(variables)
    for written, name in (("np_", "np"), ("Dense_", "Dense"), ("a_b_", "a_b"), ("w_", "w")):
        assert f'    {written} = Dense(\n        name="{name}"' in text or (
            f'    {written} = Neurons(\n        name="{name}"' in text
            or f'    {written} = LIFReset(\n        name="{name}"' in text
        )
    compile(text, "network.py", "exec")


def test_a_name_from_a_file_is_no_code() -> None:
    graph = mapped(INTEGER["dense_static"]())
    named = replace(graph, name='a"""\nimport os\\')
    text, _ = generate(lay_out(named))
    assert text.startswith('"""The network \'a____import_os_\' as processes')
    compile(text, "network.py", "exec")


def neuron(**options: object) -> Callable[[], Graph]:
    def build() -> Graph:
        net = Network((4, 4, 4), kind="spike").conv("conv", 4, bias=bool(options.pop("current", 0)))
        return net.lif("lif", **options).finish()

    return build


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (neuron(), "LIFReset"),
        (neuron(voltage_decay=4096), "LIFReset"),
        (neuron(current_decay=1024), "LIFReset"),
        (neuron(current=True), "LIFReset"),
        (neuron(bias=True), "LIFReset"),
        (neuron(current=True, current_decay=1024), "Neurons"),  # its bias would have to decay
        (neuron(current_decay=0), "Neurons"),
        (neuron(reset="soft"), "Neurons"),
        (neuron(reset="none"), "Neurons"),
        (neuron(at_equality=True), "Neurons"),
        (neuron(per_channel=True), "Neurons"),
        (lambda: Network().conv("conv", 4).lif("lif").finish(), "Neurons"),  # u could wrap around
    ],
)
def test_whose_neurons(build: Callable[[], Graph], expected: str) -> None:
    counts = made(text_of(build()))
    assert {cls for cls in counts if cls in ("LIFReset", "Neurons")} == {expected}


def test_a_bias_is_a_mantissa_and_an_exponent() -> None:
    net = Network((2,), kind="spike").linear("fc", 2)
    net.builder.params["fc.bias"] = np.array([-3, 5], np.int32)
    net.lif("lif")
    net.builder.params["lif.bias"] = np.array([64, 128], np.int32)
    text, arrays = generate(lay_out(mapped(net.finish())))
    assert arrays["lif.bias_mant"].tolist() == [-2, 7]
    assert 'bias_mant=w["lif.bias_mant"],\n        bias_exp=6,' in text


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: Network().conv("conv", 4).finish(), "Conv"),
        (lambda: Network(limit=2000).conv("conv", 4, (8, 8)).finish(), "WideConv"),  # 2^23 and more
        (lambda: Network((130, 2, 2)).pool("sum", SumPool, 2, 2, 0).finish(), "WideConv"),
        (lambda: Network((6,)).linear("fc", 4).finish(), "Dense"),
        (lambda: Network((6,)).linear("fc", 4, shift=[1, 2]).finish(), "WideDense"),
        (lambda: Network((600,), limit=2000).linear("fc", 4).finish(), "WideDense"),
    ],
)
def test_whose_synapses(build: Callable[[], Graph], expected: str) -> None:
    synapses = {"Conv", "WideConv", "Dense", "WideDense"}
    assert {cls for cls in made(text_of(build())) if cls in synapses} == {expected}


def test_messages_of_one_delay_share_a_line() -> None:
    """Spikes of one layer are added to two currents equally late."""
    net = Network((4, 4, 4), kind="spike").conv("conv1", 4, padding=1).lif("lif1")
    net.conv("conv2", 4, padding=1).lif("lif2").conv("conv3", 4, padding=1)
    net.add("sum1", "conv3", "lif1").lif("lif3").conv("conv4", 4, padding=1, source="lif2")
    graph = net.add("sum2", "conv4", "lif1").lif("lif4").finish("lif3", "lif4")
    counts = made(text_of(graph))
    assert counts["DelayLine"] == 3  # of lif1 by 2 steps; of lif3 and lif4 to their readouts by 1


def test_bounds_by_hand() -> None:
    net = Network((2,), limit=10).linear("fc", 2, shift=[3, 0])
    net.builder.params["fc.weight"] = np.array([[2, -3], [-7, 1]], np.int8)
    net.builder.params["fc.bias"] = np.array([0, 100], np.int32)
    found = bounds(lay_out(mapped(net.lif("lif").linear("head", 2).finish())))
    assert found.messages["input"] == (-10, 10)
    assert found.synapses["fc"] == 400  # 10 (2 + 3) 2^3
    assert found.currents["lif"] == 500
    assert found.messages["lif"] == (0, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_passes_its_bounds(name: str) -> None:
    graph = NETWORKS[name]()
    assert isinstance(graph, QuantGraph)
    assert isinstance(graph.input.op, Input)
    network = lay_out(mapped(graph))
    messages = bounds(network).messages
    for values in run(network, stimulus(graph, 4), graph.steps):
        for node in network.sender:
            meant = network.meaning(node)
            if meant in values:
                low, high = messages[node]
                assert low <= values[meant].min() <= values[meant].max() <= high
