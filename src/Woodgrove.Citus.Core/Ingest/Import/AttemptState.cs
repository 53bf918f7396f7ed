using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>How far an import is, and what is in the table: all that the next attempt needs to know of the one before.</summary>
/// <param name="Table">The table, as the user writes it.</param>
internal sealed record AttemptState(string Table)
{
    public ImportPhase Phase { get; init; } = ImportPhase.Loading;

    public ImportPosition Position { get; init; } = ImportPosition.Beginning;

    /// <summary>What earlier runs had committed when this command began; null until the ledger is read.</summary>
    public ImportPosition? Start { get; init; }

    public CommitOutcome Outcome { get; init; }

    /// <summary>The import in the ledger, or null where no ledger is kept.</summary>
    public Guid? ImportId { get; init; }

    /// <summary>True where rows are gathered in a staging table first.</summary>
    public bool IsStaged { get; init; }

    public ImportRoute Route { get; init; }

    /// <summary>How far records are validated before they are sent, where refused ones are rejected.</summary>
    public ValidationLevel Level { get; init; }

    /// <summary>The rows that a staging table gave, once it is merged.</summary>
    public long? Merged { get; init; }

    /// <summary>
    /// True where something is committed, or may be, that a later run continues from, or that makes it refuse to load
    /// twice.
    /// </summary>
    public bool HasCommitted => Phase == ImportPhase.Resuming || Outcome != CommitOutcome.None;

    /// <summary>True where the outcome of a commit is unknown.</summary>
    public bool IsInDoubt => Outcome is CommitOutcome.Partial or CommitOutcome.Unknown;

    /// <summary>What is in the table now, in words.</summary>
    public override string ToString() => ImportErrors.WhatIsInTheTable(this);
}
