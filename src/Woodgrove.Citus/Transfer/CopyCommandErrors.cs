using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Transfer;

/// <summary>Errors of what a copy is asked for.</summary>
internal static class CopyCommandErrors
{
    public static CitusException NoTables(string database) => new("CitusTableNotFound", CitusErrorKind.ObjectNotFound,
        $"Database '{database}' has no table of that name.", "Check -Table; '*' takes all tables.") { Target = database };
}
