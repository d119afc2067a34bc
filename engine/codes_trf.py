"""The words of the TRF.* codes (OMS 6.2), as a task's error_reason shows them."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "TRF.0001": "System error. Click Restart to restart the migration task.",
    "TRF.0002": "The task fails due to unknown reasons.",
    "TRF.0003": "Waiting for task execution timed out. Click Restart to restart the migration task.",
    "TRF.0004": "Some objects failed to be migrated.",
    "TRF.0012": (
        "Failed to verify the task parameters. Ensure that there are objects for the selected migration "
        "method."
    ),
    "TRF.0013": (
        "The object list file does not exist or cannot be obtained. Ensure that the object list file "
        "exists, and the current AK and SK have read and write permissions for the file."
    ),
    "TRF.0014": (
        "Invalid object list file. Ensure the object list file is a .txt file, and is no larger than 100 MB."
    ),
    "TRF.0015": (
        "The source AK and SK are invalid because the Azure storage account does not use Blob storage. "
        "Enter a valid AK and SK."
    ),
    "TRF.0016": (
        "The format of the URL list file is incorrect. Check the format of the URL list file by referring "
        "to OMS User Guide or contact technical support."
    ),
    "TRF.0017": "No URL found in the specified list file. Check the list file.",
    "TRF.0018": (
        "Failed to verify the task parameters. Ensure that the length of each line in the object list "
        "file does not exceed 65,535 characters."
    ),
    "TRF.0019": (
        "Failed to verify the task parameters. Ensure that contentType in the metadata of the object list "
        "file is set to text/plain and contentEncoding is not set."
    ),
    "TRF.0020": (
        "In the target OBS bucket, data failed to be written to the path for recording the migration "
        "progress."
    ),
    "TRF.0021": "In the target OBS bucket, the list of unmigrated objects failed to be downloaded",
    "TRF.0022": (
        "In the target OBS bucket, ensure that the list of failed objects exists and can be downloaded."
    ),
    "TRF.0023": "The object list file cannot be read. Please manually restore it and restart the task.",
    "TRF.0024": "Failed to obtain metadata of the specified files or folders.",
    "TRF.0025": "Failed to list objects with the specified name prefixes.",
    "TRF.0026": "Failed to obtain metadata of the first object in the specified object list.",
    "TRF.0027": (
        "Failed to list objects. Please check whether the source bucket contains objects containing "
        "special characters and the source account has the list Object permission."
    ),
    "TRF.0028": "Failed to obtain metadata of the specified files or folders.",
    "TRF.0029": "Failed to list objects with the specified name prefixes.",
    "TRF.0030": "Failed to obtain metadata of the first object in the specified object list.",
    "TRF.0031": (
        "Failed to list objects. Please check whether the source bucket contains objects containing "
        "special characters and the source account has the list Object permission."
    ),
    "TRF.0051": (
        "The account corresponding to the entered AK/SK does not have the permissions to access the "
        "destination bucket or objects. Ensure that the account has the required permissions and try "
        "again."
    ),
    "TRF.0052": (
        "The account corresponding to the entered AK/SK does not have the permissions to access the "
        "destination bucket or objects. Ensure that the account has the required permissions and try "
        "again."
    ),
    "TRF.0053": (
        "The migration cannot be completed because your HUAWEI CLOUD account is expired or frozen. "
        "Contact customer service."
    ),
    "TRF.0054": (
        "The account corresponding to the entered AK/SK does not have the permissions to access the "
        "destination bucket or objects. Ensure that the account has the required permissions and try "
        "again."
    ),
    "TRF.0055": (
        "The destination OBS bucket does not have enough space. Ensure that the destination bucket has "
        "enough space and try again."
    ),
    "TRF.0056": "Your HUAWEI CLOUD account is frozen. Try again after your account is unfrozen.",
    "TRF.0057": "Invalid AK or SK. Enter the correct AK and SK and try again.",
    "TRF.0058": (
        "The destination OBS bucket does not exist (do not modify permissions to access the destination "
        "bucket or objects during the migration). Ensure that the destination bucket name is correct and "
        "try again."
    ),
    "TRF.0059": (
        "The destination objects do not exist (do not modify permissions to access the destination bucket "
        "or objects during the migration). Ensure that the names of the destination bucket and objects "
        "are correct and try again."
    ),
    "TRF.0060": (
        "The path for storing the migrated objects is too long. Change the object names or the path for "
        "storing them."
    ),
    "TRF.0061": (
        "There is a problem with the destination object storage service. Try again later or contact "
        "technical support."
    ),
    "TRF.0062": (
        "Some objects cannot be migrated. Ensure that there are no tasks to migrate those objects and try "
        "again later."
    ),
    "TRF.0063": (
        "The migration task failed. Data cannot be migrated to the destination OBS bucket because your "
        "account balance is insufficient. Top up your account or contact customer service."
    ),
    "TRF.0064": (
        "The migration task is completed, but the object data in the destination bucket is unencrypted."
    ),
    "TRF.0065": "Failed to read the target archived data.",
    "TRF.0151": "The source AK/SK is invalid. Enter the correct AK and SK and try again.",
    "TRF.0152": (
        "The account corresponding to the entered AK/SK does not have the permissions to access the "
        "source bucket or objects. Ensure that the account has the required permissions and try again."
    ),
    "TRF.0153": (
        "The account corresponding to the entered AK/SK does not have the permissions to access the "
        "source bucket or objects. Ensure that the account has the required permissions and try again."
    ),
    "TRF.0154": (
        "The account corresponding to the entered AK/SK does not have the permissions to access the "
        "source bucket or objects. Ensure that the account has the required permissions and try again."
    ),
    "TRF.0155": (
        "The source bucket does not exist (do not modify permissions to access the source bucket or "
        "objects during the migration). Ensure that the source bucket name is correct and try again."
    ),
    "TRF.0156": (
        "The source objects do not exist (do not modify permissions to access the source bucket or "
        "objects during the migration). Ensure that the names of the source bucket and objects are "
        "correct and try again."
    ),
    "TRF.0157": (
        "There is a problem with the source object storage service. Try again later or contact technical "
        "support."
    ),
    "TRF.0158": (
        "The migration task is completed, but the object data in the destination bucket is unencrypted. "
        "Check whether the region where the destination bucket is located supports KMS encryption."
    ),
    "TRF.0159": (
        "The task failed because the frequency of access to the source object storage exceeded the "
        "allowed limit. For details, see the returned error message or contact technical support."
    ),
    "TRF.0160": "Failed to read archived data. Restore archived data and restart the task.",
    "TRF.0161": "The source connection string is invalid.",
    "TRF.0201": (
        "Failed to restore archived data. Restore archived data on the source server and restart the task."
    ),
    "TRF.0202": (
        "Failed to migrate the data because there is archived data that has not been restored. Restore "
        "archived data and restart the task."
    ),
    "TRF.0401": "Failed to upload the object operation logs. Please try again.",
}
