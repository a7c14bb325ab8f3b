"""One process or many: what a worker under torchrun does differently."""

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes of a run, seen from one of them."""

    rank: int
    count: int
    device: torch.device

    @classmethod
    def join(cls) -> "Workers":
        """Read torchrun's environment and meet the others; without it there is one process."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        rank = int(os.environ.get("RANK", "0"))
        device = torch.device("cpu")
        if torch.cuda.is_available():
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        if count > 1:
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(rank, count, device)

    def compute_reproducibly(self) -> None:
        """Choose kernels whose sums have one order; on a CPU all of them have."""
        if self.device.type != "cuda":
            return
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Otherwise every new tensor is filled first, which only serves to find uses of no value.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network whose gradients are averaged over the processes.

        Batch statistics are shared too where the back end can (CUDA).
        """
        if self.count == 1:
            return network
        if self.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return nn.parallel.DistributedDataParallel(network, device_ids=[self.device.index])
        return nn.parallel.DistributedDataParallel(network)

    def share(self, chosen: Tensor) -> Tensor:
        """Return this process's part of a batch of indices."""
        return chosen[self.rank :: self.count]

    def leave(self) -> None:
        """Let the others go."""
        if self.count > 1:
            distributed.destroy_process_group()
