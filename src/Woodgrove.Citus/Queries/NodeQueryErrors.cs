using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Queries;

/// <summary>Errors of parameters that do not go together.</summary>
internal static class NodeQueryErrors
{
    public static CitusException NeedsOn(string parameter) => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        $"-{parameter} goes with -On.", "Say where the query is to run, such as -On Workers or -On Shards.");
}
