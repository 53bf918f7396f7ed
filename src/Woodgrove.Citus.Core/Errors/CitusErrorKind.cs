namespace Woodgrove.Citus.Errors;

/// <summary>What kind of failure it is. The names are those of PowerShell's error categories.</summary>
public enum CitusErrorKind
{
    InvalidArgument,
    InvalidData,
    InvalidOperation,
    ObjectNotFound,
    ResourceExists,
    ResourceUnavailable,
    PermissionDenied,
    AuthenticationError,
    ConnectionError,
    OperationTimeout,
    OperationStopped,
    LimitsExceeded,
    NotInstalled,
    NotImplemented,
    SyntaxError,
    SecurityError,
}
