namespace Woodgrove.Citus.Ingest.Merge;

/// <summary>What happens to a row whose key is in the table already.</summary>
public enum ConflictAction
{
    /// <summary>The server refuses it, as it does any duplicate.</summary>
    Error,

    /// <summary>It is left out; the table's row stays.</summary>
    Skip,

    /// <summary>The table's row takes its values.</summary>
    Update,
}
