namespace Woodgrove.Citus.Ingest.Import;

/// <summary>What became of the commits of an import.</summary>
internal enum CommitOutcome
{
    /// <summary>Nothing is committed.</summary>
    None,

    /// <summary>What the position says is committed, and nothing more.</summary>
    Committed,

    /// <summary>Of the batch behind the position, some nodes may have committed their part, and others not.</summary>
    Partial,

    /// <summary>The connection was lost during COMMIT: the batch behind the position is committed as a whole, or not at all.</summary>
    Unknown,
}
