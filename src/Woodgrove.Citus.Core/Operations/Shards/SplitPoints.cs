using System.Text.Json;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>Finds the hashes at which parts of a shard have about equally many rows.</summary>
internal static class SplitPoints
{
    /// <summary>Counts the rows of the shard by hash on its node.</summary>
    /// <returns>The highest hash of each part but the last: halves of the range where the shard has no rows.</returns>
    public static async Task<IReadOnlyList<int>> MeasureAsync(NpgsqlConnection session, ShardGroup group, NodeName node, int parts,
        Action<string> explain, CancellationToken stop)
    {
        (int min, int max) = group.Hashes!.Value;
        // Every row of a value has its hash: of the hashes between two values, that one is chosen which leaves parts the most equal.
        string measure = $"""
            WITH hashes AS MATERIALIZED (SELECT hash, count(*) AS rows
                FROM (SELECT pg_catalog.worker_hash({TableName.Quote(group.Column!)}) AS hash FROM {group.ShardName}) r GROUP BY hash),
            sums AS MATERIALIZED (SELECT hash, sum(rows) OVER (ORDER BY hash) AS upto, sum(rows) OVER () AS total FROM hashes)
            SELECT json_build_array((SELECT max(total) FROM sums), (SELECT json_agg(json_build_array(hash, upto) ORDER BY hash) FROM (
                SELECT DISTINCT best.hash, best.upto FROM generate_series(1, {parts - 1}) part,
                    LATERAL (SELECT hash, upto FROM sums WHERE upto < total
                             ORDER BY abs(upto - total * part / {parts}.0), hash LIMIT 1) best) b))
            """;
        (bool success, string result) = await session.FirstAsync("SELECT success, coalesce(result, '') FROM "
            + "pg_catalog.master_run_on_worker(ARRAY[$1], ARRAY[$2], ARRAY[$3], false)", row => (row.GetBoolean(0), row.GetString(1)),
            stop, node.Host, node.Port, SearchPath.Wrap(measure));
        if (!success) throw SplitErrors.NotMeasured(group, node, result);
        JsonElement counts = JsonDocument.Parse(SearchPath.Unwrap(result)!).RootElement;
        if (counts[0].ValueKind == JsonValueKind.Null)
        {
            explain($"Shard {group.ShardId} has no rows, so its range of hashes is split evenly.");
            long width = ((long)max - min + 1) / parts;
            return width == 0 ? throw SplitErrors.TooManyParts(group, parts)
                : [.. Enumerable.Range(1, parts - 1).Select(i => (int)(min + i * width - 1))];
        }
        if (counts[1].ValueKind == JsonValueKind.Null) throw SplitErrors.OneValue(group, counts[0].GetInt64());
        (int Hash, long UpTo)[] points = [.. counts[1].EnumerateArray().Select(p => (p[0].GetInt32(), p[1].GetInt64()))];
        long[] bounds = [0, .. points.Select(p => p.UpTo), counts[0].GetInt64()];
        if (points.Length < parts - 1) explain($"Shard {group.ShardId} has too few values for {parts} parts.");
        explain($"Shard {group.ShardId} has {counts[0].GetInt64():N0} rows; its parts will have "
            + $"{string.Join(", ", bounds.Skip(1).Zip(bounds, (to, from) => $"{to - from:N0}"))}.");
        return [.. points.Select(p => p.Hash)];
    }
}
