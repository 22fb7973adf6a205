"""torch.utils.dlpack: exchange of memory with other libraries."""

from __future__ import annotations

from ..functional.create import from_dlpack as from_dlpack
from ..functional.create import to_dlpack as to_dlpack
