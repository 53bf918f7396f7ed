namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>What became of a transaction that an import had left prepared.</summary>
public enum ImportRepairAction
{
    /// <summary>Committed: the ledger holds its batch.</summary>
    Committed,

    /// <summary>Rolled back: the ledger does not hold its batch.</summary>
    RolledBack,

    /// <summary>Left as it is; the reason says why.</summary>
    Pending,

    /// <summary>Its import's staging table, from which nothing can be resumed, was dropped.</summary>
    Dropped,
}
