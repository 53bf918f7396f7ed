using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>The errors of commits.</summary>
internal static class CommitErrors
{
    /// <summary>The batch is decided, and a node can't be reached to carry it out.</summary>
    public static CitusException Pending(Guid importId, string node, Exception cause) => new("CitusCommitPending",
        CitusErrorKind.ResourceUnavailable,
        $"The batch is committed, but {node} can't be reached to make its part visible ({cause.Message.TrimEnd('.')}).",
        $"Nothing is lost: once the node is back, Repair-CitusImport or any load completes it; -ImportId {importId} continues "
            + "with the rest of the file.", cause) { Target = importId };

    /// <summary>A table is no longer the one that the load was planned for.</summary>
    public static CitusException Replaced(TableInfo table) => new("CitusTableReplaced", CitusErrorKind.InvalidOperation,
        $"{table.Display} was dropped, or replaced by another table of that name, while the load was under way. "
            + "Nothing of the batch is loaded.",
        "See what became of the table (alter_distributed_table and undistribute_table replace it), and load again.")
        { Target = table.Display };
}
