"""What opens a Google source: the key file of a service account, in place of access keys (OMS 5.2.3, 5.2.5, 5.5)."""

from pydantic import SecretStr

from api.errors import ApiError
from connectors.endpoints import Endpoints
from connectors.google.accounts import read_account
from connectors.google.tokens import token_url


def check_key_file(field: str, file: SecretStr | None, endpoints: Endpoints, code: str = "OMS.0001") -> None:
    """Raises ApiError: OMS.1004 without a file, `code` for one that cannot be used.

    Its message names what is wrong and never shows it.
    """
    text = "" if file is None else file.get_secret_value()
    if file is None or not text.strip():
        raise ApiError("OMS.1004", field)
    try:
        account = read_account(text)
        token_url(account.token_url, endpoints)
    except ValueError as error:
        raise ApiError(code, f"{field}: {error}") from None
