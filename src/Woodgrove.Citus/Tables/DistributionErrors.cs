using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Tables;

/// <summary>Errors of parameters that do not go together.</summary>
internal static class DistributionErrors
{
    public static CitusException TwoDefinitions() =>
        new("CitusTwoDefinitions", CitusErrorKind.InvalidArgument,
            "-FromCsv and -Definition both say which columns the table has.", "Leave one of them out.");
}
