using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>What a load straight into the shards needs: the columns, the key and its hash, and the nodes.</summary>
internal sealed class ShardRoute(
    CitusConnection connection, CsvSource source, TableInfo table, IReadOnlyList<TableColumn> columns, CsvDialect dialect, NodeAddresses addresses)
{
    /// <summary>How long to wait for locks that a shard move or a schema change may hold.</summary>
    private const string LockTimeout = "60s";

    private readonly Dictionary<(long ShardId, string Host, int Port), NpgsqlConnection> _sessions = [];

    public CitusConnection Connection => connection;
    public CsvSource Source => source;
    public TableInfo Table => table;
    public CsvDialect Dialect => dialect;
    public int KeyField { get; } = columns.Select(c => c.Name).ToList().IndexOf(table.DistributionColumn ?? "");
    public ValueHasher? Hasher { get; } = table.FindColumn(table.DistributionColumn ?? "") is { } key ? ValueHasher.For(key) : null;

    /// <summary>Why this route can't be taken, or null where it can.</summary>
    public async Task<string?> ObstacleAsync(NpgsqlConnection session, CancellationToken stop)
    {
        if (table.Kind != TableKind.Distributed) return $"{table.Display} is not distributed by hash";
        if (Hasher is null) return $"the hash of {table.DistributionColumn}'s type {table.FindColumn(table.DistributionColumn!)?.TypeName} is the server's alone";
        if (await TableObstacleAsync(session, stop) is { } obstacle) return obstacle;
        if (!await ImportLedger.IsPossibleAsync(session, stop)) return "this user may not keep the ledger (schema woodgrove) that makes it exactly once";
        return await NodeObstacleAsync(session, stop);
    }

    /// <summary>Locks the shards against moves, then reads where they lie; the locks last until the transaction of the session ends.</summary>
    /// <returns>The shards; empty where the table has changed so that this route no longer fits.</returns>
    public async Task<ShardMap> LockAsync(NpgsqlConnection guard, CancellationToken stop)
    {
        await using (var command = new NpgsqlCommand($"SET LOCAL lock_timeout = '{LockTimeout}'; LOCK TABLE {table.Name.Sql} IN ROW EXCLUSIVE MODE", guard))
            await command.ExecuteNonQueryAsync(stop);
        while (true)
        {
            long[] before = (await ReadShardsAsync(guard, stop)).Select(s => s.ShardId).Order().ToArray();
            await LockShardsAsync(guard, before, stop);
            IReadOnlyList<ShardRange> shards = await ReadShardsAsync(guard, stop);
            // A split may have come before the locks: then lock its shards too.
            if (shards.Select(s => s.ShardId).Order().SequenceEqual(before)) return new ShardMap(shards);
        }
    }

    /// <summary>A session on the shard's node, in a transaction that blocks moves of the shard until it is committed, prepared or not.</summary>
    public async Task<NpgsqlConnection> BeginAsync(ShardRange shard, CancellationToken stop)
    {
        (string host, int port) = AddressOf(shard);
        if (!_sessions.TryGetValue((shard.ShardId, host, port), out NpgsqlConnection? session) || session.State != System.Data.ConnectionState.Open)
        {
            session = await connection.OpenNodeSessionAsync(host, port, stop);
            lock (_sessions) _sessions[(shard.ShardId, host, port)] = session;
        }
        await using var begin = new NpgsqlCommand($"BEGIN; SET LOCAL lock_timeout = '{LockTimeout}'", session);
        await begin.ExecuteNonQueryAsync(stop);
        await LockShardsAsync(session, [shard.ShardId], stop);
        return session;
    }

    public (string Host, int Port) AddressOf(ShardRange shard) => addresses.Resolve(shard.NodeName, shard.NodePort);

    public string CopyCommand(ShardRange shard) =>
        $"COPY {new TableName(table.Name.Schema, shard.ShardName).Sql} ({string.Join(", ", columns.Select(c => TableName.Quote(c.Name)))}) FROM STDIN WITH ({(dialect with { HasHeader = false }).CopyOptions()})";

    /// <summary>Asks the server for a hash that the client can't compute.</summary>
    public async Task<int> AskHashAsync(NpgsqlConnection session, string value, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"SELECT pg_catalog.worker_hash($1::text::{table.FindColumn(table.DistributionColumn!)!.TypeName})", session)
        {
            Parameters = { new() { Value = value } },
        };
        return (int)(await command.ExecuteScalarAsync(stop))!;
    }

    /// <summary>Gives the sessions back; any transaction still open in them is rolled back.</summary>
    public async ValueTask CloseAsync()
    {
        List<NpgsqlConnection> sessions;
        lock (_sessions)
        {
            sessions = [.. _sessions.Values];
            _sessions.Clear();
        }
        foreach (NpgsqlConnection session in sessions) await session.DisposeAsync();
    }

    private static async Task LockShardsAsync(NpgsqlConnection session, long[] shardIds, CancellationToken stop)
    {
        // 5 is ShareLock: a move or a split needs the exclusive one.
        await using var command = new NpgsqlCommand("SELECT pg_catalog.lock_shard_metadata(5, $1)", session) { Parameters = { new() { Value = shardIds } } };
        await command.ExecuteNonQueryAsync(stop);
    }

    private Task<IReadOnlyList<ShardRange>> ReadShardsAsync(NpgsqlConnection session, CancellationToken stop) => ShardMap.ReadAsync(session, table, stop);

    private async Task<string?> TableObstacleAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE'),
                   EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'),
                   (SELECT max(n) FROM (SELECT count(*) AS n FROM pg_catalog.pg_dist_shard s
                      JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid WHERE s.logicalrelid = c.oid GROUP BY s.shardid) x),
                   c.relforcerowsecurity OR c.relkind = 'f',
                   (SELECT string_agg(a.attname, ', ') FROM pg_catalog.pg_attribute a
                      LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL ($2) AND a.attgenerated = ''
                        AND (a.attidentity <> '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ 'nextval')),
                   coalesce((SELECT l.collisdeterministic FROM pg_catalog.pg_attribute a
                      JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation WHERE a.attrelid = c.oid AND a.attname = $3), true)
            FROM pg_catalog.pg_class c WHERE c.oid = $1::oid
            """, session)
        {
            Parameters = { new() { Value = (long)table.Oid }, new() { Value = columns.Select(c => c.Name).ToArray() }, new() { Value = table.DistributionColumn! } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        if (!row.GetBoolean(0)) return $"only the owner of {table.Display} may lock its shards";
        if (row.GetBoolean(1)) return $"{table.Display} has triggers, which run on the coordinator";
        if (row.GetInt64(2) > 1) return $"{table.Display} keeps each shard on several nodes";
        if (row.GetBoolean(3)) return $"{table.Display} has row level security that holds for its owner too";
        if (!await row.IsDBNullAsync(4, stop)) return $"the sequence of {row.GetString(4)}, which the file leaves out, is the coordinator's";
        if (!row.GetBoolean(5)) return $"{table.DistributionColumn} has a nondeterministic collation, whose hash is the server's alone";
        return null;
    }

    /// <summary>Every node must be within reach and have room for a connection and a prepared transaction a shard.</summary>
    private async Task<string?> NodeObstacleAsync(NpgsqlConnection session, CancellationToken stop)
    {
        foreach (var node in (await ReadShardsAsync(session, stop)).GroupBy(s => (s.NodeName, s.NodePort)))
        {
            (string host, int port) = addresses.Resolve(node.Key.NodeName, node.Key.NodePort);
            try
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
                patience.CancelAfter(TimeSpan.FromSeconds(5));
                await using NpgsqlConnection there = await connection.OpenNodeSessionAsync(host, port, patience.Token);
                await using var command = new NpgsqlCommand("""
                    SELECT current_setting('max_prepared_transactions')::int - (SELECT count(*) FROM pg_catalog.pg_prepared_xacts),
                           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                             - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')
                    """, there);
                await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
                await row.ReadAsync(stop);
                if (row.GetInt64(0) < node.Count()) return $"{host}:{port} has no room for {node.Count()} prepared transactions (max_prepared_transactions)";
                if (row.GetInt64(1) < node.Count() * 2) return $"{host}:{port} has no room for {node.Count()} more connections (max_connections)";
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException or TimeoutException && !stop.IsCancellationRequested)
            {
                return $"node {host}:{port} can't be reached from here ({e.Message.TrimEnd('.')}); -NodeAddress maps it to an address that can";
            }
        }
        return null;
    }
}
