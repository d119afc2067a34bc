"""The words of the S3M.* codes (OMS 6.2) that have no OMS.* twin of the same meaning."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "S3M.0071": "The task is complete. You cannot update bandwidth_policy.",
    "S3M.0080": "The bucket region must be the same as the OMS endpoint region.",
    "S3M.0082": (
        "Values for destination parameters are incorrect or the object list file and the destination "
        "bucket are in different regions."
    ),
    "S3M.0088": (
        "The list_file or object_key value is invalid because it does not match with the value of task_type."
    ),
    "S3M.0089": (
        "The source object does not exist (do not modify permissions to access the source bucket or "
        "objects during the migration)."
    ),
    "S3M.0091": "The number of synchronizing tasks has exceeded the limit.",
    "S3M.0092": "Invalid request parameters dstNode Prefix, check Prefix if is start with /.",
    "S3M.0093": "Unsupported overwriteMode",
    "S3M.0094": "Unsupported migrationPolicy",
    "S3M.0095": "CloudType and TaskType not match",
    "S3M.0096": "Not agreeing to the privacy agreement.",
    "S3M.0162": "Request header fields too large.",
    "S3M.0163": "Request token too large.",
    "S3M.0171": (
        "Failed to get the bucket region. Ensure that the account has the required permissions and try again."
    ),
    "S3M.0172": "Request content too large.",
    "S3M.0256": "The current API version does not exist.",
    "S3M.0301": "Do not enable failed object retransmission.",
    "S3M.0309": "Failed to record objects successful to be migrated.",
    "S3M.0310": "Failed to store the list of objects successful to be migrated.",
    "S3M.0311": "Failed to record objects skipped to be migrated.",
    "S3M.0312": "Failed to store the list of objects skipped to be migrated.",
    "S3M.1034": "The number of created migration tasks has exceeded the limit.",
    "S3M.1042": "No list file found in the directory for this migration task group.",
    "S3M.1043": "The size of a list file has reached the maximum size allowed.",
    "S3M.1044": "The list file must be in .txt format.",
    "S3M.1045": "The maximum number of list files has been reached.",
}
