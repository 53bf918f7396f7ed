using System.Globalization;

namespace Woodgrove.Citus.Shards;

/// <summary>What would help a table whose rows are spread unevenly.</summary>
/// <param name="Fix">The SQL or the command, or null.</param>
/// <param name="Shards">What the largest shard is then predicted to have, in means.</param>
/// <param name="Nodes">Likewise of the fullest node.</param>
internal sealed record SkewAdvice(SkewAction Action, string Reason, string? Fix = null, double? Shards = null, double? Nodes = null)
{
    public const string ByRows = "-By Rows counts the rows.";
    public const string NoStatistics = "There are no statistics about its values; -By Rows counts them, or run ANALYZE.";
    public const string RowsTell = "-By Rows tells which.";

    public static string FindColumn(string table) => $"Find-DistributionColumn -Table {Quote(table)}";

    public static string CountRows(string table) => $"Measure-ShardSkew {Quote(table)} -By Rows";

    /// <summary>Of the colocated tables, too.</summary>
    public static string MoreShards(string table, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"Set-DistributedTable {Quote(table)} -ShardCount {count} -CascadeToColocated");

    private static string Quote(string table) => $"'{table.Replace("'", "''", StringComparison.Ordinal)}'";
}
