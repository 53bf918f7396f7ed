using System.Globalization;
using System.Text.Json;
using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Catalog;

/// <summary>
/// Asks the nodes about the shards that they hold: each once, however many tables, and all at the same time. A node
/// that this machine does not reach is asked by way of the coordinator. Nothing waits long for a lock. Nodes must have
/// the cluster's metadata.
/// </summary>
internal sealed class ShardInquiry(CitusConnection connection, NpgsqlConnection session)
{
    /// <summary>
    /// Bytes on disk, indexes and TOAST included. To measure a table opens it and its indexes, which would wait for
    /// whoever holds or awaits them for himself alone: such a shard has null.
    /// </summary>
    public const string Size = "CASE WHEN c.oid NOT IN (SELECT l.relation FROM locked l) THEN pg_catalog.pg_total_relation_size(c.oid) END";

    // Shard ids are the cluster's, relation ids each node's own. No name is looked up as a user would write it, which
    // takes USAGE on its schema. A lock that is taken meanwhile ends the answer of that node.
    private const string Command = """
        WITH locked AS MATERIALIZED (
          SELECT coalesce(i.indrelid, l.relation) AS relation
          FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = l.relation
          WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock')
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.shardid, {0}))::text
        FROM pg_catalog.pg_dist_shard s
        JOIN pg_catalog.pg_class t ON t.oid = s.logicalrelid
        CROSS JOIN LATERAL (SELECT pg_catalog.parse_ident(pg_catalog.shard_name(s.logicalrelid, s.shardid)) AS parts) x
        JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND c.relname = x.parts[pg_catalog.cardinality(x.parts)]
        {1}
        WHERE (SELECT pg_catalog.set_config('lock_timeout', '500ms', true)) IS NOT NULL AND s.shardid = ANY ('{{{2}}}'::bigint[])
        """;

    /// <summary>Why nodes gave no answer, by their group.</summary>
    public Dictionary<int, string> Failures { get; } = [];

    /// <summary>The answers for the shards of some tables, or of all where null: an array of the shard's id and what was asked.</summary>
    /// <param name="columns">What to ask, as SQL over the shard's <c>pg_class</c> row c.</param>
    /// <param name="joins">What else it takes.</param>
    public async Task<List<(int Group, JsonElement Row)>> AskAsync(IEnumerable<uint>? tables, string columns, string joins,
        CancellationToken stop)
    {
        List<Node> nodes = await NodesAsync(tables, stop);
        string?[] answers = await Task.WhenAll(nodes.Select(n => AskAsync(n, Sql(n), stop)));
        for (int i = 0; i < nodes.Count; i++) answers[i] ??= await AskThroughCoordinatorAsync(nodes[i], Sql(nodes[i]), stop);
        return [.. nodes.Zip(answers).Where(n => n.Second is { Length: > 0 }).SelectMany(n =>
            JsonDocument.Parse(n.Second!).RootElement.EnumerateArray().Select(r => (n.First.Group, r)))];

        string Sql(Node node) => string.Format(CultureInfo.InvariantCulture, Command, columns, joins, string.Join(',', node.Shards));
    }

    private Task<List<Node>> NodesAsync(IEnumerable<uint>? tables, CancellationToken stop) =>
        session.ListAsync("""
            SELECT n.groupid, n.nodename, n.nodeport, n.groupid = g.groupid, array_agg(l.shardid)
            FROM pg_catalog.pg_dist_shard d
            JOIN pg_catalog.pg_dist_placement l ON l.shardid = d.shardid AND l.shardstate = 1
            JOIN pg_catalog.pg_dist_node n ON n.groupid = l.groupid AND n.noderole = 'primary'
            CROSS JOIN pg_catalog.pg_dist_local_group g
            WHERE $1::oid[] IS NULL OR d.logicalrelid::oid = ANY ($1)
            GROUP BY 1, 2, 3, 4
            """, row => new Node(row.GetInt32(0), row.GetString(1), row.GetInt32(2), row.GetBoolean(3), row.GetFieldValue<long[]>(4)),
            stop, [tables?.ToArray()]);

    /// <returns>Null where it did not answer.</returns>
    private async Task<string?> AskAsync(Node node, string sql, CancellationToken stop)
    {
        // Not in the caller's session: a transaction of his would not outlive a refusal.
        await using NpgsqlConnection? direct = node.IsOwn ? await connection.OpenSessionAsync(stop)
            : await connection.TryOpenNodeSessionAsync(new NodeName(node.Name, node.Port), stop);
        return direct is null ? null : await AskAsync(direct, sql, stop);
    }

    private static async Task<string?> AskAsync(NpgsqlConnection direct, string sql, CancellationToken stop)
    {
        // Where shards are hidden, they are missing in pg_class too.
        await using var batch = new NpgsqlBatch(direct)
            { BatchCommands = { new("SELECT pg_catalog.set_config('citus.override_table_visibility', 'off', false)"), new(sql) } };
        try
        {
            await using NpgsqlDataReader row = await batch.ExecuteReaderAsync(stop);
            await row.NextResultAsync(stop);
            await row.ReadAsync(stop);
            return await row.IsDBNullAsync(0, stop) ? "" : row.GetString(0);
        }
        catch (NpgsqlException) when (!stop.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<string?> AskThroughCoordinatorAsync(Node node, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT success, result FROM pg_catalog.master_run_on_worker(ARRAY[$1], ARRAY[$2], "
            + "ARRAY[$3], false)", session)
        {
            Parameters = { new() { Value = node.Name }, new() { Value = node.Port }, new() { Value = SearchPath.Wrap(sql) } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        string result = await row.ReadAsync(stop) && !await row.IsDBNullAsync(1, stop) ? row.GetString(1).Trim() : "";
        if (row.GetBoolean(0)) return SearchPath.Unwrap(result) ?? "";
        Failures[node.Group] = $"{node.Name}:{node.Port} gave no answer ({result.TrimEnd('.')})";
        return null;
    }

    private sealed record Node(int Group, string Name, int Port, bool IsOwn, long[] Shards);
}
