namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>How far a two-phase commit has come.</summary>
internal enum CommitPhase
{
    /// <summary>Nothing is decided: the parts may be rolled back.</summary>
    Open,

    /// <summary>The ledger was asked to commit the decision, and its answer is not known.</summary>
    Deciding,

    /// <summary>The ledger holds the decision: the parts must be committed.</summary>
    Decided,
}
