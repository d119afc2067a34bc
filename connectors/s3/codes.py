"""The words with which vendors refuse, and what each means (clouds.md D1); QingStor's are the lower-case ones."""

from collections.abc import Mapping

from connectors.errors import (
    Archived,
    Corrupted,
    Fatal,
    NotFound,
    PreconditionFailed,
    Rejected,
    StoreError,
    Throttled,
    Unavailable,
)
from engine.failures import Meaning

Kind = tuple[type[StoreError], Meaning]

_ROWS: tuple[tuple[type[StoreError], Meaning, str], ...] = (
    (
        Fatal,
        Meaning.BAD_CREDENTIALS,
        (
            "InvalidAccessKeyId SignatureDoesNotMatch TooManyWrongSignature InvalidSecurity NotAuthenticated "
            "AuthFailure MissingSecurityHeader CredentialsNotSupported XMinioInvalidAccessKey "
            "AuthenticationFailed InvalidAuthenticationInfo NoAuthenticationInformation invalid_access_key_id "
            "signature_not_matched"
        ),
    ),
    (
        Fatal,
        Meaning.EXPIRED_CREDENTIALS,
        "ExpiredToken InvalidToken TokenRefreshRequired SecurityTokenExpired InvalidSecurityToken",
    ),
    (Fatal, Meaning.CLOCK_SKEW, "RequestTimeTooSkewed RequestExpired request_expired"),
    (
        Fatal,
        Meaning.NO_BUCKET,
        (
            "NoSuchBucket InvalidBucketName BucketNotFound ContainerNotFound ContainerBeingDeleted ContainerDisabled "
            "bucket_not_exists invalid_bucket_name"
        ),
    ),
    (
        Fatal,
        Meaning.WRONG_REGION,
        (
            "PermanentRedirect TemporaryRedirect Redirect AuthorizationHeaderMalformed IllegalLocationConstraint "
            "IllegalLocationConstraintException VirtualHostDomainRequired InvalidRegionName invalid_location"
        ),
    ),
    (
        Fatal,
        Meaning.ACCOUNT_FROZEN,
        "FrozenUserId AccountFrozen UserDisable AccountIsDisabled bucket_not_active",
    ),
    (Fatal, Meaning.ACCOUNT_CLOSED, "DeregisterUserId AccountProblem NotSignedUp OptInRequired"),
    (Fatal, Meaning.ARREARS, "InArrearOrInsufficientBalance UnavailableForLegalReasons AccountOverdue"),
    (Fatal, Meaning.NO_SPACE, "InsufficientStorageSpace QuotaExceeded XMinioStorageFull EntityNoSpace"),
    (
        NotFound,
        Meaning.NO_KEY,
        "NoSuchKey NoSuchVersion NotFound NoSuchResource BlobNotFound object_not_exists",
    ),
    (NotFound, Meaning.NO_UPLOAD, "NoSuchUpload"),
    (
        Throttled,
        Meaning.THROTTLED,
        (
            "SlowDown SlowDownRead SlowDownWrite ServiceUnavailable RequestLimitExceeded TooManyRequests Throttling "
            "ThrottlingException BandwidthLimitExceeded QpsLimitExceeded RequestRateLimitExceeded "
            "DownloadTrafficRateLimitExceeded UploadTrafficRateLimitExceeded ServerBusy max_requests_exceeded"
        ),
    ),
    (Archived, Meaning.ARCHIVED, "InvalidObjectState BlobArchived BlobBeingRehydrated"),
    (
        Corrupted,
        Meaning.DIGEST_MISMATCH,
        "BadDigest InvalidDigest XAmzContentSHA256Mismatch Md5Mismatch InvalidMd5 bad_digest",
    ),
    (Corrupted, Meaning.CUT_SHORT, "IncompleteBody"),
    (
        Rejected,
        Meaning.BAD_KEY,
        (
            "KeyTooLongError KeyTooLong InvalidURI InvalidKey InvalidObjectName URITooLong XMinioInvalidObjectName "
            "InvalidResourceName OutOfRangeInput invalid_object_name"
        ),
    ),
    (Rejected, Meaning.METADATA_TOO_BIG, "MetadataTooLarge MetaTooLarge RequestHeaderSectionTooLarge"),
    (
        Rejected,
        Meaning.KMS,
        "InvalidEncryptionAlgorithm InvalidEncryptionAlgorithmError BlobUsesCustomerSpecifiedEncryption",
    ),
    (Unavailable, Meaning.CONFLICT, "OperationAborted ConditionalRequestConflict"),
    (Rejected, Meaning.CONFLICT, "FileImmutable FileAlreadyExists PathConflict ObjectAlreadyExists"),
    (PreconditionFailed, Meaning.PRECONDITION, "BlobAlreadyExists"),
    (Rejected, Meaning.CONFLICT, "LeaseIdMissing LeaseIdMismatchWithBlobOperation BlobImmutableDueToPolicy"),
    (Fatal, Meaning.NO_BLOB_SERVICE, "FeatureNotSupportedForAccount"),
    (Rejected, Meaning.TOO_LARGE, "EntityTooLarge RequestBodyTooLarge entity_too_large"),
    (
        Rejected,
        Meaning.BAD_PART,
        "EntityTooSmall InvalidPart InvalidPartOrder InvalidBlockList InvalidBlobOrBlock entity_too_small",
    ),
    (Rejected, Meaning.REJECTED, "NotImplemented GlacierExpeditedRetrievalNotAvailable"),
    (
        Unavailable,
        Meaning.UNAVAILABLE,
        "InternalError InternalFailure RequestTimeout OperationTimedOut Busy lease_not_ready",
    ),
)
CODES: Mapping[str, Kind] = {
    code: (kind, meaning) for kind, meaning, codes in _ROWS for code in codes.split()
}
