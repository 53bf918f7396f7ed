using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>How a table should be kept in a Citus cluster, and what it needs for that.</summary>
public sealed record DistributionPlan
{
    public required string Table { get; init; }

    /// <summary>The table with its schema.</summary>
    public required string FullName { get; init; }
    public required TableKind Kind { get; init; }

    /// <summary>Null of tables that are not distributed by a column.</summary>
    public string? DistributionColumn { get; init; }

    /// <summary>
    /// The table to colocate it with; <c>none</c> of the first of its group, null of tables that are not distributed by a column.
    /// </summary>
    public string? ColocateWith { get; init; }
    public required string Reason { get; init; }

    /// <summary>What speaks for and against it, as Find-DistributionColumn has it.</summary>
    public Listing<string> Evidence { get; init; } = [];
    public long? Rows { get; init; }

    /// <summary>True where the number of rows is that of the planner's statistics.</summary>
    public bool IsRowsEstimate { get; init; }

    /// <summary>With indexes, TOAST and partitions.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Primary and unique keys that must gain the distribution column.</summary>
    public Listing<string> KeysToWiden { get; init; } = [];

    /// <summary>Where the table lacks the column: the foreign key through which it can be filled.</summary>
    public string? FillThrough { get; init; }

    /// <summary>Foreign keys that can't be kept, with the reason.</summary>
    public Listing<string> LostForeignKeys { get; init; } = [];

    /// <summary>SQL to run before, in the order of the plan's tables.</summary>
    public Listing<string> Prepare { get; init; } = [];

    /// <summary>SQL to run once all tables are distributed.</summary>
    public Listing<string> Finish { get; init; } = [];

    /// <summary>SQL that distributes it; null of a table that stays local.</summary>
    public string? Distribute { get; init; }
}
