"""The kernelspec `python3-warm`: what Jupyter's programs choose a warm kernel by."""

import json
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

NAME = "python3-warm"
PROVISIONER = "warm-provisioner"


def kernel_spec(python: str = "python") -> KernelSpec:
    """The spec for an interpreter; "python" is that of whoever starts the kernel."""
    return KernelSpec(
        argv=[python, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3 (warm)",
        language="python",
        metadata={
            "debugger": True,
            "supported_encryption": ["curve"],
            "kernel_provisioner": {"provisioner_name": PROVISIONER, "config": {}},
        },
    )


class AlwaysWarm:
    """Before a kernel manager's class: its kernels are warm, whatever kernelspecs are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The spec of a warm kernel with this interpreter."""
        return kernel_spec()

    @property
    def ipykernel(self) -> bool:
        """True: nbclient then keeps the notebook's history in memory."""
        return True


def install(prefix: str | None = None, user: bool = False) -> Path:
    """Register the kernelspec below `prefix`, by default this environment's own, or for the user; gives its folder."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "kernel.json").write_text(json.dumps(kernel_spec(sys.executable).to_dict(), indent=1) + "\n")
        place = {"user": True} if user else {"prefix": prefix or sys.prefix}
        return Path(KernelSpecManager().install_kernel_spec(scratch, NAME, **place))
