"""Bodies of the group calls (OMS 5.4.2, 5.4.6, 5.4.7, 5.4.8). Unknown fields are ignored, as the vendor does."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from api.tasks.schemas import CreateTaskBody, DestinationBody, Secret, StartTaskBody
from api.validation import Text
from engine.group_states import GroupType
from engine.spec import TaskType


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


# An empty key is as good as none: it is refused by name later.
Emptiable = Annotated[SecretStr, Field(max_length=100)]


class GroupDestinationBody(DestinationBody):
    """The destination (table 5-134)."""

    cloud_type: Annotated[Text, Field(max_length=100)] | None = "HEC"


class CreateGroupBody(CreateTaskBody):
    """A new group (table 5-131)."""

    task_type: Annotated[GroupType, BeforeValidator(_upper)] | None = GroupType.PREFIX  # type: ignore[assignment]  # groups have choices of their own
    dst_node: GroupDestinationBody

    @property
    def group_type(self) -> GroupType:
        """PREFIX unless the request says otherwise."""
        return self.task_type or GroupType.PREFIX

    def as_task(self) -> CreateTaskBody:
        """The same wishes as those of a task: it is checked like one."""
        fields = {name: getattr(self, name) for name in CreateTaskBody.model_fields}
        return CreateTaskBody.model_construct(**{**fields, "task_type": TaskType(self.group_type.task_type)})


class StartGroupBody(StartTaskBody):
    """Keys for another start (table 5-164)."""

    connection_string: Secret | None = None


class RetryGroupBody(StartGroupBody):
    """Keys for another try, which are needed although the table calls them optional (table 5-169)."""

    dst_ak: Emptiable | None = None  # type: ignore[assignment]  # its absence is refused with its name
    dst_sk: Emptiable | None = None  # type: ignore[assignment]  # its absence is refused with its name
