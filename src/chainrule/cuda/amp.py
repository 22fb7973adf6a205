"""torch.cuda.amp: the same contexts as torch.amp, under their old path."""

from ..amp import GradScaler as GradScaler
from ..amp import autocast as autocast
