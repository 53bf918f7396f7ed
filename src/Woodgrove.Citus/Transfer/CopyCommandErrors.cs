using Woodgrove.Citus.Comparison;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Transfer;

/// <summary>Errors of what a copy is asked for.</summary>
internal static class CopyCommandErrors
{
    public static CitusException NoTables(string database) => new("CitusTableNotFound", CitusErrorKind.ObjectNotFound,
        $"Database '{database}' has no table of that name.", "Check -Table; '*' takes all tables.") { Target = database };

    public static CitusException NotASource(object from) => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        $"-From is {from.GetType().FullName}, from which no rows can be read.",
        "Give a connection of Connect-CitusCluster, or an open DbConnection or IDataReader.");

    public static CitusException NotForRows() => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        "Rows of a DbConnection or IDataReader go into one table, and keep no ledger: -ImportId, -Resume, -DeferIndexes and -Verify can't be used, "
            + "nor -Query with a reader.", "Name one table, and leave those parameters out.");

    public static CitusException NotEqual(TableComparison found) => new("CitusCopyNotEqual", CitusErrorKind.InvalidData,
        $"{found.Table} is copied, and is not equal: the source has {found.SourceRows} rows in the snapshot that was copied, the target "
            + $"has {found.TargetRows}, and {found.Differences.Count}{(found.HasMoreDifferences ? " or more" : "")} differences were found.",
        "The object's Comparison has the differences. Rows that the target had before the copy, or that others wrote since, are among "
            + "them: empty the table, clear its import with Remove-CitusImport, and copy it again while nobody writes.")
            { Target = found.Table };

    public static CitusException SourceFailed(string query, Exception cause) => new("CitusCopySourceFailed",
        CitusErrorKind.InvalidOperation, $"The source refused '{query}': {cause.Message.TrimEnd('.')}. Nothing was copied.",
        "Open the connection first, and write -Query as its database reads it.", cause);

    public static CitusException ReadFailed(long number, string table, Exception cause) => new("CitusCopySourceFailed",
        CitusErrorKind.InvalidOperation, $"The source failed at row {number}: {cause.Message.TrimEnd('.')}. Rows before it are in "
            + $"{table} as far as their batches were committed.",
        "Once the source answers again, copy the rows again with -OnConflict Skip, which leaves out "
            + "those that are there, or empty the table first.", cause) { Target = table };

    public static CitusException RowRefused(CitusException refused, string table) => new(refused.ErrorId, refused.Kind, refused.What,
        "Change the row in the source, or leave such rows out with -Query; then copy the rows again with -OnConflict Skip, which leaves out "
            + "those that are there.", refused) { Target = table, SqlState = refused.SqlState, Row = refused.Row };
}
