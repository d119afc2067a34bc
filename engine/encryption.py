"""Whether an object is encrypted the way a task asks for (oms-behaviour 3.2, 3.3)."""

from typing import Final

NONE: Final = "none"
AES256: Final = "aes256"
KMS: Final = "kms"
CUSTOMER_KEY: Final = "customer_key"


def agrees(encryption: str, *, want_kms: bool, always_encrypts: bool = False) -> bool:
    """True when an object that is stored with `encryption` is what `enable_kms` asks for.

    Without KMS an object must lie there in the clear, so a bucket that encrypts by default does not agree.
    `always_encrypts`: the store puts its own AES256 on everything, come what may; that counts as none.
    """
    if want_kms:
        return encryption == KMS
    return encryption == NONE or (always_encrypts and encryption == AES256)
