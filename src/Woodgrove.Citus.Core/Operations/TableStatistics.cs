using System.Text.Json;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations;

/// <summary>What statistics the planners of the nodes have of a table's shards.</summary>
/// <param name="MissingShards">Shards with rows that were never analyzed.</param>
/// <param name="StaleShards">
/// Shards of which more rows have changed since than autovacuum lets pass, by the node's settings: by its counters, to which a load
/// may be added ten seconds late, or by the pages that the shard has grown by.
/// </param>
/// <param name="EstimatedRows">Rows as the planners estimate them: the sum of reltuples. Null where a shard was never analyzed.</param>
/// <param name="LiveRows">Rows by the servers' counters, an estimate too.</param>
/// <param name="ChangedRows">Rows that were written since the shards were analyzed, by the counters.</param>
/// <param name="LastAnalyzed">When the shard was analyzed that it is the longest ago of; null where a node knows no time of one.</param>
public sealed record TableStatistics(
    string Table, int ShardCount, int MissingShards, int StaleShards, long? EstimatedRows, long LiveRows, long ChangedRows,
    DateTime? LastAnalyzed)
{
    /// <summary>Of the shard: rows, live and changed ones, its time, whether it has rows, whether autovacuum would analyze it.</summary>
    private const string Columns = """
        c.reltuples, pg_catalog.pg_stat_get_live_tuples(c.oid), pg_catalog.pg_stat_get_mod_since_analyze(c.oid),
        greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)),
        c.relkind = 'p' OR c.oid IN (SELECT l.relation FROM locked l) OR pg_catalog.pg_relation_size(c.oid) > 0,
        greatest(pg_catalog.pg_stat_get_mod_since_analyze(c.oid), CASE WHEN c.reltuples >= 0 AND c.relkind <> 'p'
                AND c.oid NOT IN (SELECT l.relation FROM locked l) THEN (SELECT CASE WHEN grown <= 0 THEN 0
                    WHEN c.reltuples > 0 AND c.relpages > 0 THEN grown * c.reltuples / c.relpages ELSE 'infinity' END
                FROM (SELECT pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int - c.relpages) g (grown)) END)
            > pg_catalog.current_setting('autovacuum_analyze_threshold')::float8
                + pg_catalog.current_setting('autovacuum_analyze_scale_factor')::float8 * greatest(c.reltuples, 0)
        """;

    /// <param name="warn">Receives which nodes could not be asked.</param>
    internal static async Task<IReadOnlyList<TableStatistics>> ReadAsync(CitusConnection connection, NpgsqlConnection session,
        IReadOnlyList<(uint Oid, string Name)> tables, Action<string> warn, CancellationToken stop)
    {
        if (tables.Count == 0) return [];
        uint[] oids = [.. tables.Select(t => t.Oid)];
        var inquiry = new ShardInquiry(connection, session);
        ILookup<long, JsonElement> answers = (await inquiry.AskAsync(oids, Columns, "", stop))
            .ToLookup(a => a.Row[0].GetInt64(), a => a.Row);
        foreach (string failure in inquiry.Failures.Values) warn($"Statistics are missing: {failure}.");
        ILookup<uint, long> shards = (await session.ListAsync(
                "SELECT logicalrelid::oid, shardid FROM pg_catalog.pg_dist_shard WHERE logicalrelid::oid = ANY ($1)",
                row => (Table: row.GetFieldValue<uint>(0), Shard: row.GetInt64(1)), stop, oids)).ToLookup(s => s.Table, s => s.Shard);
        return [.. tables.Select(t => Of(t.Name, [.. shards[t.Oid]], answers))];
    }

    private static TableStatistics Of(string name, long[] shards, ILookup<long, JsonElement> answers)
    {
        JsonElement[] placements = [.. shards.SelectMany(s => answers[s])];
        // Copies of a shard are analyzed each by itself; their rows count once.
        JsonElement[] copies = [.. shards.SelectMany(s => answers[s].Take(1))];
        bool isKnown = copies.Length == shards.Length;
        return new(name, shards.Length,
            shards.Count(s => answers[s].Any(p => p[1].GetDouble() < 0 && p[5].GetBoolean())),
            shards.Count(s => answers[s].Any(p => p[6].GetBoolean())),
            isKnown && copies.All(p => p[1].GetDouble() >= 0) ? (long)copies.Sum(p => p[1].GetDouble()) : null,
            copies.Sum(p => p[2].GetInt64()), copies.Sum(p => p[3].GetInt64()),
            isKnown && placements.Length > 0 && placements.All(p => p[4].ValueKind == JsonValueKind.String)
                ? placements.Min(p => p[4].GetDateTimeOffset()).UtcDateTime : null);
    }
}
