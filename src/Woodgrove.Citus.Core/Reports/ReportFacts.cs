using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Validation;

namespace Woodgrove.Citus.Reports;

/// <summary>What a report shows, each fact as the cmdlet for it gives it.</summary>
public sealed record ReportFacts
{
    public required string Title { get; init; }

    /// <summary>In UTC.</summary>
    public required DateTime CreatedAt { get; init; }

    /// <summary>Where it was asked: database, server and port.</summary>
    public required string Cluster { get; init; }

    /// <summary>Such as Citus 13.2.2 on PostgreSQL 15.14.</summary>
    public required string Engine { get; init; }

    public required string UserName { get; init; }
    /// <summary>What the checks found; empty where they could not run.</summary>
    public IReadOnlyList<CheckResult> Checks { get; init; } = [];
    public IReadOnlyList<CitusNode> Nodes { get; init; } = [];
    public IReadOnlyList<DistributedTable> Tables { get; init; } = [];
    public IReadOnlyList<ShardPlacement> Placements { get; init; } = [];
    public IReadOnlyList<ShardSkew> Skews { get; init; } = [];
    public IReadOnlyList<CitusImport> Imports { get; init; } = [];
    public IReadOnlyList<CitusQueryPlan> Plans { get; init; } = [];

    /// <summary>What could not be read, and why.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>Tables of a colocation group: local ones that Citus keeps track of are of none.</summary>
    internal IEnumerable<DistributedTable> Grouped => Tables.Where(t => t.ColocationId > 0);

    internal ShardSkew? SkewOf(string table) => Skews.FirstOrDefault(s => s.Table == table);
}
