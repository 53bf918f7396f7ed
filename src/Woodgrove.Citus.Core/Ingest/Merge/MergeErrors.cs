using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Merge;

/// <summary>Errors of loads that meet rows that are there already.</summary>
internal static class MergeErrors
{
    public static CitusException StagedImport(Guid importId) =>
        new("CitusImportNeedsOnConflict", CitusErrorKind.InvalidArgument,
            $"Import {importId} was started with -OnConflict, and its first rows are in a staging table.",
            "Continue with the same -OnConflict, or clear it with Remove-CitusImport and load the file again.") { Target = importId };

    public static CitusException StagingTableDropped(ImportBatch last) => new("CitusStagingTableDropped", CitusErrorKind.InvalidOperation,
        $"Import {last.ImportId} of {last.Source} was started with -OnConflict, and table {StagingTable.NameOf(last.ImportId)}, which had "
            + $"its rows up to byte {last.EndByte}, has been dropped: they are not in {last.Table.Name}. Nothing was loaded.",
        $"Clear the import with Remove-CitusImport {last.ImportId} and load the file again.") { Target = last.ImportId };

    /// <summary>
    /// A distribution value that the coordinator fills in can clash with none that is there, nor can rows be laid out by it
    /// before.
    /// </summary>
    public static CitusException KeyLeftOut(TableInfo table, string key) =>
        new("CitusDistributionColumnMissing", CitusErrorKind.InvalidData,
            $"The rows have no value for '{key}', by which {table.Display} is distributed; with -OnConflict its default does not count. "
                + "Nothing was sent.",
            $"Load the rows without -OnConflict, or with values for '{key}'.") { Target = table.Display };

    public static CitusException NoKey(TableInfo table, ConflictAction action, string what, string advice) =>
        new("CitusNoConflictKey", CitusErrorKind.InvalidArgument, $"-OnConflict {action}: {what}. Nothing was sent.", advice)
            { Target = table.Display };

    public static CitusException KeyNotClear(TableInfo table, ConflictAction action, string known) =>
        NoKey(table, action, $"which unique key of {table.Display} decides is not clear", known + " Name its columns with -KeyColumn.");
}
