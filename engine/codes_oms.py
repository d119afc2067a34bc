"""The words of the OMS.* codes (OMS 6.2), as the API answers them."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "OMS.0001": "Invalid parameter settings. Modify the request parameters.",
    "OMS.0002": "Invalid parameter format. Modify the parameter format.",
    "OMS.0004": "Invalid HTTP request. Modify the parameter format.",
    "OMS.0005": "The HTTP request method does not exist. Ensure that the request method is correct.",
    "OMS.0051": "Invalid value for parameter range. Enter a valid value for range.",
    "OMS.0052": "Invalid value for parameter state. Enter a value from 0 to 5 (whole numbers only).",
    "OMS.0053": (
        "Task query failed due to invalid parameters or insufficient permissions. Check whether the "
        "parameters are correct and whether you have the required permissions."
    ),
    "OMS.0054": "Invalid task ID. Enter a valid task ID.",
    "OMS.0057": "Invalid values for source parameters. Modify the source parameters.",
    "OMS.0058": "Invalid values for destination parameters. Modify the destination parameters.",
    "OMS.0059": (
        "Invalid value for the number of threads specified for migration. Enter a value from 0 to 50 "
        "(whole numbers only)."
    ),
    "OMS.0060": (
        "Migration to the current region is not supported. For details, see the returned error message or "
        "contact technical support."
    ),
    "OMS.0061": "Invalid format for task parameters. Modify the parameter format.",
    "OMS.0062": (
        "Failed to save the task. For details, see the returned error message or contact technical support."
    ),
    "OMS.0063": "The task is in progress. Pause the task and then delete it.",
    "OMS.0064": "Invalid request parameters. Enter valid parameter values.",
    "OMS.0065": "The task has already started.",
    "OMS.0066": "Failed to pause the task. The task is not in progress. Check the task status.",
    "OMS.0067": "The parameters are not in JSON format. Modify the parameter format.",
    "OMS.0068": (
        "Token authentication failed. For details, see the returned error message or contact technical "
        "support."
    ),
    "OMS.0070": "The task is complete. You cannot start or stop it.",
    "OMS.0072": (
        "You do not have the required permissions. For details, see the returned error message or contact "
        "technical support."
    ),
    "OMS.0073": (
        "Failed to delete the task. For details, see the returned error message or contact technical support."
    ),
    "OMS.0074": (
        "The parameters must be the same as those in the OMS API Reference. Modify the parameter format "
        "by referring to OMS API Reference."
    ),
    "OMS.0077": (
        "The number of created migration tasks has exceeded the limit. Try again later or contact "
        "customer service."
    ),
    "OMS.0078": (
        "The description cannot contain the following special characters: <>()\"'& Delete the special "
        "characters that are not allowed."
    ),
    "OMS.0079": (
        "Migration from the region where the source bucket is located is not supported. Modify the source "
        "bucket parameter."
    ),
    "OMS.0080": (
        "Migration to the region where the selected destination bucket is located is not supported. "
        "Modify the destination bucket parameter."
    ),
    "OMS.0081": "Failed to pass the custom domain name check. Enter a valid custom domain name.",
    "OMS.0083": (
        "The number of traffic limit rules exceeds the maximum. Change the number of traffic limit rules. "
        "Refer to OMS API Reference for details."
    ),
    "OMS.0084": (
        "The maximum traffic value is out of the range. Change the maximum traffic value. Refer to OMS "
        "API Reference for details."
    ),
    "OMS.0085": "The time segments are overlapped. Ensure that time segments do not overlap.",
    "OMS.0086": "Failed to update the bandwidth policy. Try again later or contact technical support.",
    "OMS.0087": "Invalid values for time segments.",
    "OMS.0089": (
        "The source objects do not exist (do not modify permissions to access the source bucket or "
        "objects during the migration). Ensure that the names of the source bucket and objects are "
        "correct and try again."
    ),
    "OMS.0090": "The maximum number of failures has been reached. Please try again later",
    "OMS.0092": "Agree to the privacy agreements on the OMS console to continue.",
    "OMS.0093": "The synchronization task has been deleted.",
    "OMS.0094": (
        "The synchronization task is in the non-synchronizing state. Start the synchronization task and "
        "try again."
    ),
    "OMS.0095": "You do not have permission to access the task or the task does not exist.",
    "OMS.0151": (
        "Invalid parameters. For details, see the returned error message or contact technical support."
    ),
    "OMS.0152": (
        "Failed to query regions. For details, see the returned error message or contact technical support."
    ),
    "OMS.0153": (
        "Failed to query the bucket information. For details, see the returned error message or contact "
        "technical support."
    ),
    "OMS.0155": (
        "Failed to get the bucket region. For details, see the returned error message or contact "
        "technical support."
    ),
    "OMS.0156": (
        "Failed to send the notification using SMN. Internal SMN service errors. Try again later or "
        "contact customer service."
    ),
    "OMS.0157": (
        "Failed to send the notification using SMN. The SMN topic does not exist. For details, see the "
        "returned error message or contact technical support."
    ),
    "OMS.0158": (
        "Failed to send the notification using SMN. OMS has not been authorized to access the SMN topic. "
        "For details, see the returned error message or contact technical support."
    ),
    "OMS.0159": (
        "System error. Failed to send the SMN notification. Try again later or contact customer service."
    ),
    "OMS.0160": (
        "System busy. Failed to send the SMN notification. Try again later or contact customer service."
    ),
    "OMS.0161": (
        "Network error. Failed to send the SMN notification. Try again later or contact customer service."
    ),
    "OMS.0167": (
        "Failed to find the list of failed objects. For details, see the returned error message or "
        "contact technical support."
    ),
    "OMS.0168": (
        "Failed to send the SMN notification. The selected topic is not in the same region as the current "
        "service. For details, see the returned error message or contact technical support."
    ),
    "OMS.0169": (
        "The SMN topic does not exist or you do not have the permissions needed to use the current topic. "
        "Select another topic or obtain the required permissions."
    ),
    "OMS.0170": "The migration tasks update failed.",
    "OMS.0182": "The source bucket region does not match the input region.",
    "OMS.0183": "The destination bucket region does not match the input region.",
    "OMS.0184": "API processing times out. Please try again later.",
    "OMS.0201": "Your account has been restricted. Check your account balance or contact customer service.",
    "OMS.0202": "Sorry, your account has been frozen. Contact customer service.",
    "OMS.0203": (
        "Validate your personal information before continuing using OMS. For details, see the returned "
        "error message or contact technical support."
    ),
    "OMS.0204": "Real-name authentication is required for this operation. Complete real-name authentication.",
    "OMS.0205": (
        "Insufficient permission. Read-only users do not have the permissions to create, modify, or "
        "delete resources."
    ),
    "OMS.0206": "Insufficient permissions. You do not have the OMS operation permissions.",
    "OMS.0207": "Admission check failed.",
    "OMS.0302": (
        "Failed to list source objects. For details, see the returned error message or contact technical "
        "support."
    ),
    "OMS.0303": (
        "Failed to record objects failed to be migrated. For details, see the returned error message or "
        "contact technical support."
    ),
    "OMS.0304": (
        "Failed to store the list of objects failed to be migrated. For details, see the returned error "
        "message or contact technical support."
    ),
    "OMS.0305": (
        "Object list file has reached the maximum allowed size. Check the size of the object list. Refer "
        "to OMS API Reference for details."
    ),
    "OMS.0306": "No source objects found. Ensure that there are objects in the source bucket.",
    "OMS.0307": (
        "Failed to add the information about failed objects to the OBS bucket. For details, see the "
        "returned error message or contact technical support."
    ),
    "OMS.0308": "Incomplete list of failed objects. Contact technical support.",
    "OMS.1001": (
        "Internal service error. For details, see the returned error message or contact technical support."
    ),
    "OMS.1002": "Invalid parameter type. Use a valid parameter type as described in OMS API Reference.",
    "OMS.1003": "Incorrect parameter constraints.",
    "OMS.1004": "Some required parameters are missing.",
    "OMS.1005": (
        "Authentication failed. For details, see the returned error message or contact technical support."
    ),
    "OMS.1006": "The parameter is not in JSON format.",
    "OMS.1007": "Some required parameters are missing.",
    "OMS.1008": "Invalid request method. Use the request method described in OMS API Reference.",
    "OMS.1009": "No resources found. Ensure that the resources exist and resource parameters are correct.",
    "OMS.1010": "Agree to the privacy agreements on the OMS console to continue.",
    "OMS.1011": "The synchronization task has been deleted.",
    "OMS.1012": (
        "The synchronization task is in the non-synchronizing state. Start the synchronization task and "
        "try again."
    ),
    "OMS.1013": "Invalid bucket ID. Enter a valid bucket ID.",
    "OMS.1014": "You do not have permission to access the task or the task does not exist.",
    "OMS.1015": "The maximum number of failures has been reached. Please try again later.",
    "OMS.1016": (
        "Failed to obtain the source bucket details because the authentication failed or no bucket ID was "
        "found in the list. Ensure that the AK and SK are correct and you have the permissions to access "
        "the bucket."
    ),
    "OMS.1017": (
        "A maximum of 50 buckets can be selected at a time. Try again later or contact technical support."
    ),
    "OMS.1018": "Invalid source bucket. Check the source bucket parameter.",
    "OMS.1019": (
        "You can create a migration task only after the source bucket evaluation succeeds. Try again later."
    ),
    "OMS.1020": (
        "Failed to access the destination bucket. Ensure that the AK and SK are correct and you have the "
        "permissions to access the bucket."
    ),
    "OMS.1021": "The number of created migration tasks exceeded the quota. Please try again in 24 hours.",
    "OMS.1022": (
        "A migration task is being created for the source bucket. Select another bucket. If the error "
        "persists, contact technical support."
    ),
    "OMS.1023": "No bucket selected.",
    "OMS.1026": (
        "Failed to create the migration task due a service error. For details, see the returned error "
        "message or contact technical support."
    ),
    "OMS.1027": "The failed objects record is empty. Select another one.",
    "OMS.1028": "A maximum of 50 tasks can be retried at a time.",
    "OMS.1030": (
        "Invalid record status. For details, see the returned error message or contact technical support."
    ),
    "OMS.1031": (
        "Failed to recreate the migration task because only the tasks under the same cloud service "
        "provider can be recreated."
    ),
    "OMS.1032": "CDN authentication key required. Enter the correct CDN authentication key.",
    "OMS.1033": "Only tasks in Evaluating state can be stopped. Check the task status.",
    "OMS.1035": (
        "Failed to upload the object list file. For details, see the returned error message or contact "
        "technical support."
    ),
    "OMS.1036": (
        "Operations cannot be performed on task groups in current state. Check the task group status."
    ),
    "OMS.1037": (
        "A maximum of 100 task groups can be created within 24 hours. Try again later or contact customer "
        "service."
    ),
    "OMS.1038": "Only tasks in Executing state can be paused. Check the task status.",
    "OMS.1039": "Only tasks in Paused state can be resumed. Check the task status.",
    "OMS.1040": "Only tasks in Creation failed or Failed state can be restarted. Check the task status.",
    "OMS.1041": (
        "Authentication failed because the migration task contains buckets that do not belong to the "
        "logged-in user account. Ensure that all selected buckets belong to the logged-in user."
    ),
    "OMS.1046": (
        "Evaluation tasks that are being evaluated or terminated cannot be deleted. Please try again "
        "after terminating the evaluation task."
    ),
    "OMS.1047": "Task groups in current state cannot be deleted.",
    "OMS.1048": "Archive Data Restoration is not supported for the selected source cloud vendor.",
    "OMS.2001": "project verify fail.",
    "OMS.2002": "The synchronization task is not found or not started.",
    "OMS.2004": "Service busy. Try again later.",
    "OMS.2051": "All graphs are based on raw data. Period: 5 minutes, Statistic: Sum",
    "OMS.2052": "Rollup algorithm parameters: Period: 1 hour, Statistic: Sum",
    "OMS.9999": "no auth",
}
