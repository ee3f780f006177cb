"""What an S3 service, or boto3 before it asks one, says when something goes wrong."""

from __future__ import annotations

from typing import Any

from ..errors import TransferError, parse_retry_after
from ..secrets import redact

_CREDENTIALS = {
    "AuthFailure": "it cannot be checked",
    "ExpiredToken": "it has expired",
    "ExpiredTokenException": "it has expired",
    "InvalidAccessKeyId": "its key id is unknown",
    "InvalidClientTokenId": "its key id is unknown",
    "InvalidSecurity": "it is not valid",
    "InvalidToken": "its session token is not valid",
    "InvalidIdentityToken": "its token is not valid",
    "SignatureDoesNotMatch": "its secret key is wrong",
    "TokenRefreshRequired": "it has to be renewed",
    "UnrecognizedClientException": "its key id is unknown",
}

_FORBIDDEN = {"401", "403", "AccessDenied", "AllAccessDisabled", "Forbidden", "AccountProblem"}
_UNSIGNED = {"MissingAuthenticationToken", "MissingSecurityHeader", "UnsupportedAlgorithm"}
"""What services say to a request without a signature, beside `_FORBIDDEN`."""

_BUSY = {
    "BandwidthLimitExceeded",
    "InternalError",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_REGION = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "InvalidRegionName",
    "PermanentRedirect",
    "301",
    "307",
}

_MEANINGS: tuple[tuple[set[str], tuple[str, str, str]], ...] = (
    ({"NoSuchBucket"}, ("remote_not_found", "The service has no such bucket.", "")),
    (
        {"404", "410", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound"},
        ("remote_not_found", "The service has no such object.", ""),
    ),
    (
        {"InvalidObjectState"},
        (
            "remote_forbidden",
            "The object lies in an archive.",
            "Restore it with the service's own tools first.",
        ),
    ),
    (
        _FORBIDDEN,
        ("remote_forbidden", "The service does not allow this to the credential used.", ""),
    ),
    (
        _REGION,
        (
            "remote_refused",
            "The bucket is in another region.",
            "Set the option `region`, or the `endpoint` of the bucket.",
        ),
    ),
    (
        {"PreconditionFailed", "ConditionalRequestConflict", "412"},
        ("remote_changed", "What stands there has changed.", ""),
    ),
    (
        {"RequestTimeTooSkewed"},
        ("remote_refused", "The clock of this server is wrong.", "Set the clock."),
    ),
)


def from_botocore(error: Exception, *, anonymous: bool = False) -> Exception:
    """`error` as a `TransferError`; what is none of boto3's comes back as it is."""
    from botocore import exceptions as known  # noqa: PLC0415 - heavy: in workers only
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    if isinstance(error, known.ClientError):
        return _from_answer(error.response, anonymous=anonymous)
    lacking = (
        known.CredentialRetrievalError,
        known.NoCredentialsError,
        known.PartialCredentialsError,
        known.ProfileNotFound,
        known.SSOError,
        known.TokenRetrievalError,
    )
    name = type(error).__name__
    if isinstance(error, lacking):
        return TransferError(
            "needs_credentials",
            f"There are no usable credentials ({name}).",
            "Give an access key, choose a profile, or log in again.",
        )
    rows: tuple[tuple[type[Exception], str, str], ...] = (
        (known.ParamValidationError, "invalid_address", "No service has such a bucket or key."),
        (ResponseParserError, "remote_lied", "The answer is none of an S3 service."),
        (known.BotoCoreError, "bad_request", f"The settings do not fit together ({name})."),
    )
    for kind, code, message in rows:
        if isinstance(error, kind):
            return TransferError(code, message)
    return error


def _from_answer(response: dict[str, Any], *, anonymous: bool) -> TransferError:
    told = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    status = int(metadata.get("HTTPStatusCode") or 0)
    code = str(told.get("Code") or status)
    kind, message, remedy = _meaning(code, status, anonymous)
    if kind == "remote_refused" and not message:
        said = redact(str(told.get("Message") or ""))[:200]
        message = f"The service answered {code[:100]}" + (f": {said}" if said else ".")
    if code in _REGION and (region := told.get("Region") or headers.get("x-amz-bucket-region")):
        message = f"The bucket is in the region “{region}”."
    return TransferError(
        kind,
        message,
        remedy,
        detail={"s3_code": code[:100]},
        retry_after=parse_retry_after(headers.get("retry-after")),
    )


def _meaning(code: str, status: int, anonymous: bool) -> tuple[str, str, str]:
    """Our code, a sentence ("" for what the service itself says) and a remedy."""
    if code in _CREDENTIALS:
        sentence = f"The service refuses the credential: {_CREDENTIALS[code]}."
        return "needs_credentials", sentence, ""
    if (code in _FORBIDDEN and status == 401) or (anonymous and code in _FORBIDDEN | _UNSIGNED):
        return "needs_credentials", "The service does not allow this to strangers.", ""
    for codes, meaning in _MEANINGS:
        if code in codes:
            return meaning
    if code in _BUSY or status in (429, 500, 502, 503, 504):
        return "remote_busy", f"The service cannot serve us now ({code}).", ""
    return "remote_refused", "", ""
