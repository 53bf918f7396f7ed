using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Shards;

/// <summary>Measures how evenly tables lie, with the same few queries however many tables there are.</summary>
public sealed class SkewMeasurement(CitusConnection connection)
{
    public Action<string>? Explain { get; init; }

    /// <summary>Receives each table that can't be measured, and the others are; without it, the first ends everything.</summary>
    public Action<CitusException>? Refuse { get; init; }

    /// <summary>Whether tables that are not distributed by a column are left out, and only reported to <see cref="Explain"/>.</summary>
    public bool SkipOthers { get; init; }

    /// <summary>Whether the module's own are among all.</summary>
    public bool IncludeModule { get; init; }

    /// <summary>Of the tables of these names, or of all that are distributed by hash.</summary>
    /// <exception cref="CitusException">There is no such table, or it is not distributed by a column.</exception>
    public async Task<IReadOnlyList<ShardSkew>> MeasureAsync(IReadOnlyList<string> names, SkewMeasure by, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        List<SkewFacts> tables = await ReadTablesAsync(session, names, stop);
        if (names.Count > 0) await RefuseOthersAsync(session, names, tables, stop);
        if (tables.Count == 0) return [];
        tables = by == SkewMeasure.Rows ? await CountAsync(session, tables, stop)
            : await MeasureAsync(session, tables, names.Count == 0, stop);
        List<ShardSkew> skews = [.. tables.Select(t => SkewJudge.Judge(t, by))];
        // What a rebalance would do takes the server a while to plan, and matters only where something is uneven.
        if (skews.TrueForAll(s => s.Verdict == SkewVerdict.Balanced) || await PlanMovesAsync(session, stop) is not { } moves) return skews;
        string? before = await OutputPlugins.AdviceAsync(session, stop);
        return [.. tables.Select(t => SkewJudge.Judge(t with { Moves = moves, BeforeTransfer = before }, by))];
    }

    private async Task<List<SkewFacts>> ReadTablesAsync(NpgsqlConnection session, IReadOnlyList<string> names,
        CancellationToken stop)
    {
        TableName[] parsed = [.. names.Select(TableName.Parse)];
        await using var batch = new NpgsqlBatch(session)
        {
            BatchCommands =
            {
                new("SELECT nodename, nodeport FROM pg_catalog.pg_dist_node WHERE shouldhaveshards AND isactive AND noderole = 'primary' "
                    + "ORDER BY 1, 2"),
                new($"""
                    SELECT p.logicalrelid::oid, {SearchPath.Show("p.logicalrelid")}, k.attname,
                           d.shardid, d.shardminvalue::int, d.shardmaxvalue::int, n.nodename, n.nodeport, n.groupid,
                        EXISTS (SELECT FROM pg_catalog.pg_dist_partition o JOIN pg_catalog.pg_class c ON c.oid = o.logicalrelid
                            WHERE (o.logicalrelid = p.logicalrelid OR (p.colocationid <> 0 AND o.colocationid = p.colocationid))
                              AND {MissingIdentity.Of("c")})
                    FROM pg_catalog.pg_dist_partition p
                    JOIN pg_catalog.pg_attribute k ON k.attrelid = p.logicalrelid
                        AND k.attname = pg_catalog.column_to_column_name(p.logicalrelid, p.partkey)
                    JOIN pg_catalog.pg_dist_shard d ON d.logicalrelid = p.logicalrelid
                    JOIN pg_catalog.pg_dist_placement l ON l.shardid = d.shardid AND l.shardstate = 1
                    JOIN pg_catalog.pg_dist_node n ON n.groupid = l.groupid AND n.noderole = 'primary'
                    WHERE p.partmethod = 'h' AND CASE WHEN $1::text[] IS NULL THEN {(IncludeModule ? "true" : ModuleSchema.IsNotOf("p.logicalrelid"))}
                        ELSE p.logicalrelid::oid IN (
                      SELECT coalesce({SearchPath.Find("a")}, {SearchPath.Find("b")}) FROM unnest($1, $2::text[]) AS x(a, b)) END
                    ORDER BY 2, 5, 4, n.nodename, n.nodeport
                    """)
                {
                    Parameters =
                    {
                        Texts(parsed.Length == 0 ? null : [.. parsed.Select(n => n.Sql)]),
                        Texts(parsed.Length == 0 ? null : [.. parsed.Select(n => n.ExactSql)]),
                    },
                },
            },
        };
        var nodes = new List<(string, int)>();
        var tables = new List<SkewFacts>();
        var shards = new List<ShardFacts>();
        await using NpgsqlDataReader found = await batch.ExecuteReaderAsync(stop);
        while (await found.ReadAsync(stop)) nodes.Add((found.GetString(0), found.GetInt32(1)));
        await found.NextResultAsync(stop);
        while (await found.ReadAsync(stop))
        {
            uint oid = found.GetFieldValue<uint>(0);
            if (tables.Count == 0 || tables[^1].Oid != oid)
            {
                shards = [];
                tables.Add(new SkewFacts(oid, found.GetString(1), found.GetString(2), shards, nodes) { LacksIdentity = found.GetBoolean(9) });
            }
            // A shard that is kept on several nodes is measured on the first.
            if (shards.Count > 0 && shards[^1].ShardId == found.GetInt64(3)) shards[^1].Copies.Add((found.GetString(6), found.GetInt32(7)));
            else shards.Add(new ShardFacts(found.GetInt64(3), found.GetInt32(4), found.GetInt32(5), found.GetString(6), found.GetInt32(7),
                found.GetInt32(8), 0));
        }
        return tables;
    }

    private async Task RefuseOthersAsync(NpgsqlConnection session, IReadOnlyList<string> names, List<SkewFacts> tables,
        CancellationToken stop)
    {
        if (tables.Count == names.Distinct().Count()) return;
        foreach (string name in names)
        {
            try
            {
                TableInfo table = await TableCatalog.FindAsync(connection, session, TableName.Parse(name), stop);
                if (tables.Exists(t => t.Oid == table.Oid)) continue;
                string what = $"{table.Display} is not distributed by a column ({table.Kind}), so it has no skew.";
                if (SkipOthers)
                {
                    Explain?.Invoke(what);
                    continue;
                }
                throw ShardErrors.NoSkew(table, what);
            }
            catch (CitusException e) when (Refuse is not null)
            {
                Refuse(e);
            }
        }
    }

    /// <summary>Every row of every shard, counted on its node. All rows of a value lie in one shard, so the counts are whole.</summary>
    private static async Task<List<SkewFacts>> CountAsync(NpgsqlConnection session, List<SkewFacts> tables, CancellationToken stop)
    {
        await RequireSelectAsync(session, tables, stop);
        await using var command = new NpgsqlCommand("""
            SELECT r.shardid, r.success, r.result
            FROM unnest($1::oid[], $2::text[]) AS t (relation, command) JOIN pg_catalog.pg_class c ON c.oid = t.relation,
            -- Citus leaves the schema public out of a shard's name.
            LATERAL pg_catalog.run_command_on_shards(c.oid::regclass, pg_catalog.replace(t.command, $3,
              CASE WHEN c.relnamespace = 'public'::regnamespace THEN 'pg_catalog.concat(''public.'', %L)' ELSE '%L' END)) r
            """, session) { CommandTimeout = 0 };
        command.Parameters.Add(new() { Value = tables.Select(t => t.Oid).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid });
        command.Parameters.Add(Texts([.. tables.Select(t => CountCommand(t.Column))]));
        command.Parameters.Add(new() { Value = ShardName });
        var keys = new Dictionary<long, KeyFacts>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            long shard = row.GetInt64(0);
            string result = await row.IsDBNullAsync(2, stop) ? "" : row.GetString(2);
            if (!row.GetBoolean(1)) throw ShardErrors.NotRead(shard, result);
            JsonElement counts = JsonDocument.Parse(SearchPath.Unwrap(result)!).RootElement;
            if (counts[0].ValueKind == JsonValueKind.Null) continue;
            keys[shard] = new KeyFacts(counts[0].GetDouble(), counts[1].GetDouble(), counts[2].GetDouble(),
                [.. counts[3].EnumerateArray().Select(h => new HeavyValue(h[0].GetString()!, h[1].GetInt64(), 0, shard))]);
        }
        return WithKeys(tables, keys);
    }

    /// <summary>Stands for the shard's name in <see cref="CountCommand"/>.</summary>
    private const string ShardName = "'\u0001'";

    /// <summary>
    /// What counts the values of a shard, as the format of run_command_on_shards: the name is a literal, as it stands
    /// in the text of a query.
    /// </summary>
    private static string CountCommand(string column)
    {
        string before = $"WITH v AS MATERIALIZED (SELECT k::text AS value, count(*) AS n FROM (SELECT {TableName.Quote(column)} AS k FROM ";
        const string after = ") x GROUP BY k) SELECT json_build_array(sum(n), count(*), sum(n::float8 * n), "
            + "(SELECT json_agg(json_build_array(value, n)) FROM (SELECT * FROM v ORDER BY n DESC LIMIT 5) h)) AS counts FROM v";
        string query = $"pg_catalog.concat({TableName.Literal(before)}, {ShardName}, {TableName.Literal(after)})";
        return SearchPath.WrapLiteral(query.Replace("%", "%%", StringComparison.Ordinal));
    }

    // A partitioned table has its rows in its partitions, of which Citus knows one level. pg_partition_tree would lock them.
    private const string SizeWithPartitions = $"""
        CASE WHEN c.relkind <> 'p' THEN {ShardInquiry.Size} ELSE (
          SELECT CASE WHEN count(z.bytes) = count(*) THEN coalesce(sum(z.bytes), 0)::bigint END
          FROM (SELECT {ShardInquiry.Size} FROM (SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid) c) z (bytes)) END
        """;

    /// <summary>Sizes, and the statistics that ANALYZE left on the nodes.</summary>
    private async Task<List<SkewFacts>> MeasureAsync(NpgsqlConnection session, List<SkewFacts> tables, bool all, CancellationToken stop)
    {
        var inquiry = new ShardInquiry(connection, session);
        List<(int Group, JsonElement Row)> answers = await inquiry.AskAsync(all ? null : tables.Select(t => t.Oid),
            SizeWithPartitions + ", c.reltuples, v.n_distinct, m.covered, m.squares, m.listed, (v.most_common_vals::text::text[])[1:5], "
                + "v.most_common_freqs[1:5]", """
            JOIN pg_catalog.pg_dist_partition k ON k.logicalrelid = s.logicalrelid AND k.partmethod = 'h'
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            -- By itself for each shard, by index: joined, the view is read whole, and maybe once a shard.
            LEFT JOIN LATERAL (SELECT * FROM pg_catalog.pg_stats v WHERE c.reltuples > 0 AND v.schemaname = n.nspname
                AND v.tablename = c.relname
                 AND v.attname = pg_catalog.column_to_column_name(k.logicalrelid, k.partkey)::name OFFSET 0) v ON true
            CROSS JOIN LATERAL (SELECT coalesce(sum(f), 0) AS covered, coalesce(sum(f * f), 0) AS squares, count(f) AS listed
                FROM unnest(v.most_common_freqs) f) m
            """, stop);
        Dictionary<(int, long), JsonElement> found = answers.ToDictionary(a => (a.Group, a.Row[0].GetInt64()), a => a.Row);
        JsonElement? Answer(ShardFacts s) => found.TryGetValue((s.Group, s.ShardId), out JsonElement row) ? row : null;
        var measured = new List<SkewFacts>();
        foreach (SkewFacts table in tables)
        {
            if (table.Shards.FirstOrDefault(s => Answer(s)?[1].ValueKind != JsonValueKind.Number) is { } unknown)
            {
                string why = Answer(unknown) is not null ? ShardErrors.Locked
                    : inquiry.Failures.GetValueOrDefault(unknown.Group) ?? "its node has no such table";
                var refusal = ShardErrors.NotMeasured(table.Table, unknown.ShardId, why);
                if (Refuse is null) throw refusal;
                Refuse(refusal);
                continue;
            }
            measured.Add(table with { Shards = [.. table.Shards.Select(s => s with { Bytes = Answer(s)!.Value[1].GetInt64() })] });
        }
        Dictionary<long, KeyFacts> keys = measured.SelectMany(t => t.Shards)
            .Where(s => Answer(s)!.Value[3].ValueKind == JsonValueKind.Number)
            .ToDictionary(s => s.ShardId, s => Estimate(Answer(s)!.Value));
        if (keys.Count == 0)
            Explain?.Invoke(ShardErrors.NoStatistics);
        return WithKeys(measured, keys);
    }

    private static List<SkewFacts> WithKeys(List<SkewFacts> tables, Dictionary<long, KeyFacts> keys) =>
        [.. tables.Select(t => t with
            { Keys = t.Shards.Where(s => keys.ContainsKey(s.ShardId)).ToDictionary(s => s.ShardId, s => keys[s.ShardId]) })];

    /// <summary>
    /// What pg_stats says: negative n_distinct is a part of the rows; values not listed share alike what the listed
    /// ones leave.
    /// </summary>
    private static KeyFacts Estimate(JsonElement shard)
    {
        long id = shard[0].GetInt64();
        double rows = shard[2].GetDouble(), distinct = shard[3].GetDouble(), covered = shard[4].GetDouble(), squares = shard[5].GetDouble(),
            listed = shard[6].GetDouble();
        if (distinct < 0) distinct = -distinct * rows;
        double others = Math.Max(distinct - listed, 0), rest = Math.Max(0, 1 - covered);
        if (others >= 1) squares += rest * rest / others;
        var heaviest = shard[7].ValueKind != JsonValueKind.Array ? [] : shard[7].EnumerateArray().Zip(shard[8].EnumerateArray(),
            (v, f) => new HeavyValue(v.GetString()!, (long)(f.GetDouble() * rows), 0, id)).ToList();
        return new KeyFacts(rows, Math.Max(distinct, 1), squares * rows * rows, heaviest);
    }

    private async Task<Dictionary<long, (string, int)>?> PlanMovesAsync(NpgsqlConnection session, CancellationToken stop)
    {
        try
        {
            return (await session.ListAsync("SELECT shardid, targetname, targetport FROM pg_catalog.get_rebalance_table_shards_plan()",
                row => (Shard: row.GetInt64(0), Target: (row.GetString(1), row.GetInt32(2))), stop))
                .ToDictionary(m => m.Shard, m => m.Target);
        }
        catch (PostgresException e)
        {
            Explain?.Invoke($"What a rebalance would do is not known: {await NodeRefusal.ReasonAsync(session, e, stop)}");
            return null;
        }
    }

    private static NpgsqlParameter Texts(string[]? values) =>
        new() { Value = (object?)values ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    /// <summary>Rows are counted on the nodes, whose refusal would be reported as that of a shard.</summary>
    private static async Task RequireSelectAsync(NpgsqlConnection session, List<SkewFacts> tables, CancellationToken stop)
    {
        uint denied = await session.ScalarAsync<uint>("SELECT t FROM pg_catalog.unnest($1::oid[]) t WHERE NOT "
            + "pg_catalog.has_table_privilege(t, 'SELECT') LIMIT 1", stop, tables.Select(t => t.Oid).ToArray());
        if (denied == 0) return;
        string table = tables.First(t => t.Oid == denied).Table;
        throw ShardErrors.ReadDenied(session.UserName, table);
    }
}
