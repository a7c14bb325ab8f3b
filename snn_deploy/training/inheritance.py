"""A network begins with the weights of another one, shallower or with another shortcut.

The branch of an MS block ends in a batch norm whose scale begins at zero, so a block that the donor
does not have is the identity: a deeper network begins as the very function of the shallower one
(Chen, Goodfellow, Shlens: Net2Net, ICLR 2016, for layers; He et al. 2016 for the identity).
"""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from snn_deploy.errors import UsageError

_PLACE_IN_SHORTCUT = re.compile(r"\.shortcut\.\d+\.")


def inherit(network: nn.Module, donor: Mapping[str, Tensor], source: str) -> None:
    """Copy every tensor of the donor into the network, in place.

    Args:
        network: freshly built.
        donor: a state dict.
        source: where it is from, for messages.

    Raises:
        UsageError: the donor has a tensor that the network has no place for.
    """
    places = {_role(name): name for name in network.state_dict()}
    own = network.state_dict()
    for name, tensor in donor.items():
        place = places.get(_role(name))
        if place is None or own[place].shape != tensor.shape:
            found = "no such tensor" if place is None else f"{list(own[place].shape)} there"
            raise UsageError(
                f"{source}: '{name}' {list(tensor.shape)} does not fit, the network has {found}",
                "begin with the same family, no deeper, with as many classes",
            )
        own[place].copy_(tensor)


def _role(name: str) -> str:
    """Return a tensor's name without its place in the shortcut, which depends on the kind."""
    return _PLACE_IN_SHORTCUT.sub(".shortcut.", name)
