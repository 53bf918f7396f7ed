using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>A column to distribute by, with what speaks for it and against it.</summary>
public sealed record DistributionCandidate
{
    /// <summary>The table, or the file.</summary>
    public required string Table { get; init; }

    /// <summary>Null where the verdict is on the whole table.</summary>
    public string? Column { get; init; }
    public string? Type { get; init; }

    /// <summary>1 for the best.</summary>
    public int Rank { get; init; }
    public required CandidateVerdict Verdict { get; init; }

    /// <summary>The weightiest of the evidence.</summary>
    public required string Reason { get; init; }

    /// <summary>All that speaks for and against it.</summary>
    public required Listing<string> Evidence { get; init; }

    /// <summary>Rows read: all, or a sample of a table of more than a million.</summary>
    public long RowsRead { get; init; }
    public long DistinctValues { get; init; }

    /// <summary>True where the number of distinct values is an estimate, within some 2% of the rows read.</summary>
    public bool IsDistinctEstimate { get; init; }
    public double NullShare { get; init; }
    public Listing<CsvValueCount> HeaviestValues { get; init; } = [];

    /// <summary>Shards that the prediction is for.</summary>
    public int ShardCount { get; init; }

    /// <summary>The largest shard over the mean one, by the real hash of the rows read.</summary>
    public double PredictedMaxToMean { get; init; }

    /// <summary>Whether every unique key of the table holds the column, as Citus demands; null for a file.</summary>
    public bool? IsInEveryKey { get; init; }

    /// <summary>Tables with a column of this name and type, with which it could be colocated.</summary>
    public Listing<string> RelatedTables { get; init; } = [];

    /// <summary>Calls of statements that filter or join by it, by pg_stat_statements; null where that can't be read.</summary>
    public long? Uses { get; init; }
    public double Score { get; init; }
}
