"""The vendor's SDK, by access key or by token, with every answer checked against its own models."""

import inspect
import json
import re
from typing import Any

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_handler import HttpHandler
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkoms import v2 as sdk
from huaweicloudsdkoms.v2 import OmsClient

from tests.vendor.roundtrip import faults

OPERATIONS = frozenset(
    name.removeprefix("_").removesuffix("_http_info")
    for name in vars(OmsClient)
    if name.endswith("_http_info")
)


def by_token(token: str, project_id: str) -> BasicCredentials:
    """Credentials that send a token; the SDK still signs, with keys that nobody knows."""
    credentials = BasicCredentials("unknown", "unknown", project_id)
    sign = credentials.sign_request

    def sign_request(request: SdkRequest) -> SdkRequest:
        request.header_params["X-Auth-Token"] = token
        return sign(request)

    credentials.sign_request = sign_request
    return credentials


class Vendor:
    """`vendor.call("show_task", task_id=1)`: one operation; raises what the SDK raises."""

    def __init__(self, address: str, credentials: BasicCredentials) -> None:
        self.called: set[str] = set()
        self._answers: list[Any] = []
        handler = HttpHandler().add_response_handler(lambda response, **_: self._answers.append(response))
        self._client: Any = (
            OmsClient.new_builder()
            .with_credentials(credentials)
            .with_endpoint(address)
            .with_http_handler(handler)
            .build()
        )

    def call(self, operation: str, **parameters: Any) -> Any:
        """The SDK's model of the answer, which has lost nothing on the way."""
        request = _request_class(operation)(**parameters)
        self._answers.clear()
        model = getattr(self._client, operation)(request)
        self.called.add(operation)
        (response,) = self._answers
        assert response.headers["X-Request-Id"]
        if response.content:
            found = faults(model, json.loads(response.content))
            assert found == [], (operation, response.content)
        return model


def _request_class(operation: str) -> Any:
    name = "".join(word.capitalize() for word in operation.split("_")) + "Request"
    return getattr(sdk, name)


def address_of(operation: str) -> tuple[str, str]:
    """Method and path template of an operation, as the SDK sends it."""
    source = inspect.getsource(getattr(OmsClient, f"_{operation}_http_info"))
    method, path = re.search(r'"method": "(\w+)"', source), re.search(r'"resource_path": "([^"]+)"', source)
    assert method is not None
    assert path is not None
    return method[1], path[1]
