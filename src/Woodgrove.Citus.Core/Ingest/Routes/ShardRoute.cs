using System.Collections.Concurrent;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>What a load straight into the shards needs: the columns, the key and its hash, and the nodes.</summary>
/// <param name="file">Null where rows come from elsewhere.</param>
internal sealed class ShardRoute(CitusConnection connection, CsvFile? file, CopyTarget target)
{
    private readonly ConcurrentDictionary<(long ShardId, NodeName Node), NpgsqlConnection> _sessions = new();

    private readonly TableInfo _table = target.Table;
    private string? _settings;

    public CitusConnection Connection => connection;
    public CopyTarget Target => target;
    public CsvFile File => file ?? throw new InvalidOperationException("No file is loaded.");
    public TableInfo Table => _table;
    public CsvDialect Dialect => target.Dialect;
    public int KeyField { get; } = target.Columns.Select(c => c.Name).ToList().IndexOf(target.Table.DistributionColumn ?? "");
    public ValueHasher? Hasher { get; } = target.Table.FindColumn(target.Table.DistributionColumn ?? "") is { } key ? ValueHasher.For(key)
        : null;

    /// <summary>Locks the shards against moves, then reads where they lie; the locks last until the guard's transaction ends.</summary>
    public async Task<ShardMap> LockAsync(TableGuard guard, CancellationToken stop)
    {
        await ReadSettingsAsync(guard.Session, stop);
        while (true)
        {
            long[] before = (await ReadShardsAsync(guard.Session, stop)).Select(s => s.ShardId).Order().ToArray();
            await LockShardsAsync(guard.Session, before, stop);
            IReadOnlyList<ShardRange> shards = await ReadShardsAsync(guard.Session, stop);
            // A split may have come before the locks: then lock its shards too.
            if (shards.Select(s => s.ShardId).Order().SequenceEqual(before)) return new ShardMap(shards);
        }
    }

    /// <summary>The session on the shard's node, kept from batch to batch.</summary>
    public async Task<NpgsqlConnection> SessionAsync(ShardRange shard, Guid importId, CancellationToken stop)
    {
        NodeName node = NodeOf(shard);
        if (_sessions.TryGetValue((shard.ShardId, node), out NpgsqlConnection? kept)
            && kept.State == System.Data.ConnectionState.Open)
            return kept;
        NpgsqlConnection session = await connection.OpenUserNodeSessionAsync(node, stop);
        _sessions[(shard.ShardId, node)] = session;
        await ImportLock.ShareAsync(session, importId, stop);
        return session;
    }

    /// <summary>Begins a transaction that blocks moves of the shard until it is committed, prepared or not.</summary>
    public async Task BeginAsync(NpgsqlConnection session, ShardRange shard, CancellationToken stop)
    {
        await session.ExecuteAsync($"BEGIN; {Settings}", stop);
        await LockShardsAsync(session, [shard.ShardId], stop);
    }

    /// <summary>What a node's transaction begins with: the coordinator's ways of reading times, which may differ from its own.</summary>
    public string Settings => $"{LoadSession.TransactionSettings}; {_settings}";

    public static NodeName NodeOf(ShardRange shard) => new(shard.NodeName, shard.NodePort);

    public string SqlOf(ShardRange shard) => new TableName(_table.Name.Schema, shard.ShardName).Sql;

    public string CopyCommand(ShardRange shard) => target.CopyInto(SqlOf(shard));

    /// <summary>The shards as they lie now.</summary>
    public async Task<ShardMap> ReadAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await ReadSettingsAsync(session, stop);
        return new ShardMap(await ReadShardsAsync(session, stop));
    }

    /// <summary>The nodes that hold the shards, each with how many.</summary>
    public async Task<IReadOnlyList<(NodeName Node, int Shards)>> NodesAsync(NpgsqlConnection session, CancellationToken stop) =>
        (await ReadShardsAsync(session, stop)).GroupBy(NodeOf).Select(n => (n.Key, n.Count())).ToList();

    /// <summary>Asks the server about the value that a router could not read.</summary>
    public async Task AskAsync(RecordRouter router, NpgsqlConnection session, CancellationToken stop)
    {
        string value = router.Unread!;
        try
        {
            router.Learn(value, await AskHashAsync(session, value, stop));
        }
        catch (PostgresException e)
            when (e.SqlState.StartsWith("22", StringComparison.Ordinal) || e.SqlState.StartsWith("23", StringComparison.Ordinal))
        {
            // No value of the type: the server of any shard refuses the row in its own words.
            router.Learn(value, 0);
        }
    }

    private async Task<int> AskHashAsync(NpgsqlConnection session, string value, CancellationToken stop)
    {
        await using var command =
            new NpgsqlCommand($"SELECT pg_catalog.worker_hash($1::text::{_table.FindColumn(_table.DistributionColumn!)!.TypeName})",
                session)
        {
            Parameters = { new() { Value = value } },
        };
        return (int)(await command.ExecuteScalarAsync(stop))!;
    }

    /// <summary>Gives the sessions back; any transaction still open in them is rolled back.</summary>
    public async ValueTask CloseAsync()
    {
        await Task.WhenAll(_sessions.Values.Select(async session =>
        {
            await ImportLock.ReleaseAllAsync(session);
            await session.DisposeAsync();
        }));
        _sessions.Clear();
    }

    private async Task ReadSettingsAsync(NpgsqlConnection session, CancellationToken stop)
    {
        if (_settings is not null) return;
        await using var command = new NpgsqlCommand("""
            SELECT string_agg(pg_catalog.format('SET LOCAL %I = %L', name, setting), '; ') FROM pg_catalog.pg_settings
                WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle')
            """, session);
        _settings = (string)(await command.ExecuteScalarAsync(stop))!;
    }

    private static async Task LockShardsAsync(NpgsqlConnection session, long[] shardIds, CancellationToken stop)
    {
        // 5 is ShareLock: a move or a split needs the exclusive one.
        await using var command = new NpgsqlCommand("SELECT pg_catalog.lock_shard_metadata(5, $1)", session)
            { Parameters = { new() { Value = shardIds } } };
        await command.ExecuteNonQueryAsync(stop);
    }

    private Task<IReadOnlyList<ShardRange>> ReadShardsAsync(NpgsqlConnection session, CancellationToken stop) =>
        ShardMap.ReadAsync(session, _table, stop);
}
