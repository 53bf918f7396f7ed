using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Tables;

/// <summary>Errors of parameters that do not go together.</summary>
internal static class DistributionErrors
{
    public static CitusException TwoDefinitions() =>
        new("CitusTwoDefinitions", CitusErrorKind.InvalidArgument,
            "-FromCsv and -Definition both say which columns the table has.", "Leave one of them out.");

    /// <param name="format">The parameter that says how a file is read.</param>
    /// <param name="wasRead">True where the file has been read; false where there is none.</param>
    public static CitusException NoFileToRead(string format, bool wasRead) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            $"-{format} says how a file is read, and {(wasRead ? "this one has been read" : "there is none")}.",
            wasRead ? $"Give -{format} to Test-CitusCsv." : $"Give the file's path with -FromCsv, or leave -{format} out.");
}
