namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>Whether an import is under way.</summary>
public enum ImportState
{
    /// <summary>A session works on it.</summary>
    Running,

    /// <summary>It ended before the end of the source; it can be resumed.</summary>
    Interrupted,
    Complete,

    /// <summary>
    /// It does not run, and rows that it holds as committed may still lie prepared on a node, unseen by queries.
    /// Repair-CitusImport, or the next load, commits them.
    /// </summary>
    Pending,
}
