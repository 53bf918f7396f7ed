using System.Globalization;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Shards;

/// <summary>What would help a table whose rows are spread unevenly.</summary>
/// <param name="Fix">The SQL or the command, or null.</param>
/// <param name="Shards">What the largest shard is then predicted to have, in means.</param>
/// <param name="Nodes">Likewise of the fullest node.</param>
internal sealed record SkewAdvice(SkewAction Action, string Reason, string? Fix = null, double? Shards = null, double? Nodes = null)
{
    public const string ByRows = "-By Rows counts the rows.";
    public const string NoStatistics = "There are no statistics about its values; -By Rows counts them, and Update-CitusStatistic collects some.";
    public const string RowsTell = "-By Rows tells which.";

    public const string Rebalance = "Start-ShardRebalance -Wait";

    public static string FindColumn(string table) => $"Find-DistributionColumn -Table {CmdletLine.Quoted(table)}";

    public static string CountRows(string table) => $"Measure-ShardSkew {CmdletLine.Quoted(table)} -By Rows";

    /// <summary>Of the colocated tables, too.</summary>
    public static string MoreShards(string table, int count) =>
        string.Create(CultureInfo.InvariantCulture,
            $"Set-DistributedTable {CmdletLine.Quoted(table)} -ShardCount {count} -CascadeToColocated");

    /// <summary>Gives each value a shard of its own, then evens the nodes out.</summary>
    /// <param name="blockWrites">The shards can't be copied while their rows are updated or deleted.</param>
    public static string SplitTenants(string table, IEnumerable<string> values, bool blockWrites)
    {
        string mode = blockWrites ? " -TransferMode block_writes" : "";
        return string.Concat(values.Select(v => $"Split-Tenant {CmdletLine.Quoted(table)} {CmdletLine.Quoted(v)}{mode}\n"))
            + Rebalance + mode;
    }
}
