namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>One step of a recovery.</summary>
/// <param name="Node">The node as <c>host:port</c>.</param>
/// <param name="Transaction">The prepared transaction's name, or null where it is about a whole node or a table.</param>
/// <param name="Reason">Why it is pending, or null.</param>
public sealed record ImportRepair(Guid? ImportId, string Node, string? Transaction, ImportRepairAction Action, string? Reason)
{
    /// <summary>The step as a sentence.</summary>
    public override string ToString() => Action switch
    {
        ImportRepairAction.Committed => $"Committed {Transaction} on {Node}, which an interrupted load had left prepared.",
        ImportRepairAction.RolledBack => $"Rolled back {Transaction} on {Node}, which an interrupted load had left prepared.",
        ImportRepairAction.Dropped => $"Dropped the staging table of import {ImportId}, which an interrupted load had left behind.",
        _ => $"{Transaction ?? $"Prepared transactions of imports on {Node}"}: pending{(Transaction is null ? "" : $" on {Node}")}, "
            + $"because {Reason}.",
    };
}
