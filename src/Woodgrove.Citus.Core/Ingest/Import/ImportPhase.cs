namespace Woodgrove.Citus.Ingest.Import;

/// <summary>What a run of an import is at.</summary>
internal enum ImportPhase
{
    /// <summary>What earlier runs have committed is looked up, and skipped in the source.</summary>
    Resuming,

    /// <summary>Batches are read, sent and committed.</summary>
    Loading,

    /// <summary>All of the source is committed to a staging table, which is merged into the table.</summary>
    Merging,

    /// <summary>All of the source is in the table.</summary>
    Complete,
}
