"""From the keys in a request to a store that can be asked, and from its refusals to the reference's codes (OMS 5.5)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from pydantic import SecretStr

from api.buckets.schemas import AccountBody
from api.context import Services
from api.errors import ApiError
from api.keyfiles import check_key_file
from api.tasks.checks import check_connection_string, check_key, refuse_unbuilt
from connectors.azure.connection import credentials_in
from connectors.capabilities import BrowsableStore
from connectors.endpoints import EndpointError, Endpoints
from connectors.errors import StoreError
from connectors.google.accounts import credentials_of as key_file_credentials
from connectors.locations import Credentials, Location
from connectors.registry import UnsupportedCloud, browse_store
from engine.failures import Side
from engine.spec import CloudType

BAD_PARAMETERS: Final = "OMS.0151"
NO_REGION: Final = "OMS.0152"
BUCKET_FAILED: Final = "OMS.0153"
REGION_FAILED: Final = "OMS.0155"

# A person waits for the answer.
PATIENCE_S: Final = 60.0
_NAME: Final = re.compile(r"[^\x00-\x20/\x7f]+")
_VENDOR_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")


def check_account(body: AccountBody, endpoints: Endpoints) -> None:
    """Raises ApiError when the cloud has no buckets, or the keys that it wants are missing."""
    match body.cloud_type:
        case CloudType.URL_SOURCE:
            raise ApiError(BAD_PARAMETERS, "cloud_type: URLSource has no buckets")
        case CloudType.GOOGLE:
            check_key_file("json_auth_file", body.json_auth_file, endpoints, BAD_PARAMETERS)
        case CloudType.AZURE if body.connection_string is not None:
            check_connection_string("connection_string", body.connection_string)
        case _:
            check_key("ak", body.ak)
            check_key("sk", body.sk)
    if body.cloud_type is CloudType.TENCENT and not body.app_id:
        raise ApiError("OMS.1004", "app_id")


def check_name(field: str, value: str) -> None:
    """Raises ApiError for an empty name, or one that no bucket or region can have."""
    if not value:
        raise ApiError("OMS.1004", field)
    if not _NAME.fullmatch(value):
        raise ApiError(BAD_PARAMETERS, f"{field}: no blanks, slashes or control characters")


def credentials_of(body: AccountBody) -> Credentials:
    """The keys of the request; empty ones where the cloud is opened otherwise."""
    if body.cloud_type is CloudType.AZURE and body.connection_string is not None:
        return credentials_in(body.connection_string.get_secret_value())
    if body.cloud_type is CloudType.GOOGLE and body.json_auth_file is not None:
        return key_file_credentials(body.json_auth_file.get_secret_value())
    ak, sk = body.ak or SecretStr(""), body.sk or SecretStr("")
    return Credentials(ak.get_secret_value(), sk, body.security_token or SecretStr(""))


def open_bucket(parts: Services, location: Location, credentials: Credentials) -> BrowsableStore:
    """The bucket; nothing is sent. Raises ApiError, 501 for a cloud that no connector speaks to."""
    with opened():
        return browse_store(location, credentials, parts.wire, parts.endpoints)


def source_bucket(parts: Services, body: AccountBody, region: str, bucket: str) -> BrowsableStore:
    """The bucket that a request names with its keys. Raises ApiError."""
    check_account(body, parts.endpoints)
    check_name("bucket_name", bucket)
    check_name("data_center", region)
    return open_bucket(parts, location_of(body, region, bucket), credentials_of(body))


def location_of(body: AccountBody, region: str, bucket: str) -> Location:
    """The bucket in a region, as a source."""
    return Location(body.cloud_type.value, region, bucket, Side.SOURCE, app_id=body.app_id or "")


@contextmanager
def opened() -> Iterator[None]:
    """Brings what the registry refuses into the reference's codes."""
    try:
        yield
    except UnsupportedCloud:
        refuse_unbuilt(["cloud_type"])
    except EndpointError as error:
        raise ApiError(NO_REGION, str(error)) from error
    except ValueError as error:
        raise ApiError(BAD_PARAMETERS, str(error)) from error


@asynccontextmanager
async def answered(code: str = BUCKET_FAILED) -> AsyncIterator[None]:
    """Calls of stores inside the block: what they raise, and an answer that does not come, become `code`."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except TimeoutError as error:
        raise ApiError(code, f"no answer within {PATIENCE_S:.0f} seconds") from error
    except StoreError as error:
        raise ApiError(code, told(error)) from error


def told(error: StoreError) -> str:
    """What a store's refusal means, without its own text, which anybody who is asked could choose."""
    code = error.code if _VENDOR_CODE.fullmatch(error.code) else ""
    return " ".join(part for part in (error.meaning.value, str(error.status or ""), code) if part)


def _check_present(field: str, secret: SecretStr | None) -> None:
    if secret is None or not secret.get_secret_value().strip():
        raise ApiError("OMS.1004", field)
