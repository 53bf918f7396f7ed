using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Jobs;

/// <summary>Errors about background jobs.</summary>
internal static class JobErrors
{
    public static CitusException NotFound(long jobId) =>
        new("CitusJobNotFound", CitusErrorKind.ObjectNotFound, $"The cluster has no background job of the number {jobId}.",
            "Get-CitusJob lists those that are kept.") { Target = jobId };
}
