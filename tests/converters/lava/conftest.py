import pytest

from snn_deploy.converters.lava import environment
from snn_deploy.converters.lava.environment import LavaEnvironment


@pytest.fixture(scope="session")
def lava() -> LavaEnvironment:
    """The Python that has Lava."""
    found = environment.find()
    if found is None:
        pytest.skip("needs Lava; `make lava` brings it")
    return found
