using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Export;

/// <summary>
/// All shards of some tables as of one instant, for several sessions to read side by side. Citus has no snapshot over
/// several nodes, so one is made: a SHARE lock on the tables, which Citus takes on every node that can write, waits
/// until each write is committed everywhere and holds off the next; meanwhile a session after the other takes its
/// snapshot on its node; then the lock goes. Moves of shards need a lock that conflicts with it, so none falls in
/// between, and a shard that moves later stays readable where it was until its readers are done.
/// </summary>
internal sealed class ShardSnapshot : IAsyncDisposable
{
    /// <summary>How long writers may hold the export up, and then it them.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly List<Reader> _readers;

    private ShardSnapshot(IReadOnlyList<SnapshotShard> shards, List<Reader> readers) => (Shards, _readers) = (shards, readers);

    /// <summary>All that can be read, by table and hash range.</summary>
    public IReadOnlyList<SnapshotShard> Shards { get; }

    /// <summary>The sessions that see it.</summary>
    public IEnumerable<NpgsqlConnection> Sessions => _readers.Select(r => r.Session);

    /// <summary>How long writers had to wait.</summary>
    public TimeSpan WritersWaited { get; private init; }

    public string Extent => string.Create(CultureInfo.InvariantCulture,
        $"{Shards.Count} shards on {_readers.DistinctBy(r => r.Node).Count()} node(s), in {_readers.Count} sessions");

    /// <summary>Makes the snapshot.</summary>
    /// <param name="limit">The sessions that are opened at most.</param>
    /// <returns>It, or why there can be none.</returns>
    public static async Task<(ShardSnapshot? Snapshot, string? Obstacle)> TryTakeAsync(
        CitusConnection connection, IReadOnlyList<TableInfo> tables, SessionLimit limit, CancellationToken stop)
    {
        var readers = new List<Reader>();
        try
        {
            await using NpgsqlConnection guard = await connection.OpenSessionAsync(stop);
            foreach (TableInfo table in tables)
            {
                if (await IsFilteredAsync(guard, table, stop))
                    return (null, $"row level security decides on the coordinator which rows of {table.Display} this user may read");
            }
            IReadOnlyList<SnapshotShard> shards = await ReadShardsAsync(connection, guard, tables, stop);
            readers = await ConnectAsync(connection, shards, limit, stop);
            return await LockAndTakeAsync(connection, guard, tables, shards, readers, stop);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException && !stop.IsCancellationRequested)
        {
            await CloseAsync(readers);
            return (null, e is PostgresException { SqlState: PostgresErrorCodes.QueryCanceled }
                ? $"a writer, or a move of a shard, held {Names(tables)} for more than {Patience.TotalSeconds} s"
                : (e as PostgresException)?.MessageText
                    ?? $"a node can't be reached from here ({e.Message.TrimEnd('.')}; {connection.ReachAdvice(e)})");
        }
        catch
        {
            await CloseAsync(readers);
            throw;
        }
    }

    /// <summary>Runs over some of the shards, several at a time, each session taking the next of its node.</summary>
    public async Task ReadAsync(IEnumerable<SnapshotShard> shards, Func<NpgsqlConnection, SnapshotShard, CancellationToken, Task> read,
        CancellationToken stop)
    {
        Dictionary<NodeName, ConcurrentQueue<SnapshotShard>> queues = shards.GroupBy(s => s.Node)
            .ToDictionary(node => node.Key, node => new ConcurrentQueue<SnapshotShard>(node));
        await using var cancellation = new ServerCancellation(stop, () => _readers.GroupBy(r => r.Node)
            .Select(node => (node.First().Reopen, node.Select(r => r.ProcessId).ToArray())));
        await WithAllAsync(_readers, async (reader, all) =>
        {
            while (queues.GetValueOrDefault(reader.Node)?.TryDequeue(out SnapshotShard? shard) is true)
                await read(reader.Session, shard, all);
        }, stop);
    }

    public async ValueTask DisposeAsync() => await CloseAsync(_readers);

    private static async Task<(ShardSnapshot?, string?)> LockAndTakeAsync(CitusConnection connection,
        NpgsqlConnection guard, IReadOnlyList<TableInfo> tables, IReadOnlyList<SnapshotShard> shards, List<Reader> readers,
        CancellationToken stop)
    {
        await using NpgsqlTransaction transaction = await guard.BeginTransactionAsync(stop);
        var clock = Stopwatch.StartNew();
        bool isOne = connection.CitusVersion is null && readers.Count == 1; // one server's snapshot is one
        // The lock is held on all nodes until the readers have their snapshots, so no time limit may end its sessions there.
        // statement_timeout and not lock_timeout: it ends the wait on every node.
        if (!isOne) await guard.ExecuteAsync($"{DdlPropagation.OnAllNodes}; {LoadSession.TransactionSettings}; "
            + $"SET LOCAL statement_timeout = '{Patience.TotalSeconds}s'; "
            + $"LOCK TABLE {string.Join(", ", tables.Select(t => t.Name.Sql))} IN SHARE MODE", stop);
        string? obstacle = (await ReadShardsAsync(connection, guard, tables, stop)).SequenceEqual(shards) ? null
            : $"shards of {Names(tables)} were moved or split meanwhile";
        if (obstacle is null) await WithAllAsync(readers, async (reader, all) =>
        {
            if (await reader.TakeSnapshotAsync(Patience - clock.Elapsed, all) is { } found) obstacle = found;
        }, stop);
        await transaction.RollbackAsync(CancellationToken.None);
        if (obstacle is null)
            return (new ShardSnapshot(shards, readers) { WritersWaited = isOne ? TimeSpan.Zero : clock.Elapsed }, null);
        await CloseAsync(readers);
        return (null, obstacle);
    }

    private static string Names(IReadOnlyList<TableInfo> tables) => string.Join(", ", tables.Select(t => t.Display));

    /// <summary>One for each session; the first failure ends the others.</summary>
    private static async Task WithAllAsync(List<Reader> readers, Func<Reader, CancellationToken, Task> work, CancellationToken stop)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Exception? first = null;
        await Task.WhenAll(readers.Select(reader => Task.Run(async () =>
        {
            try
            {
                await work(reader, all.Token);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref first, e, null);
                await all.CancelAsync();
            }
        }, CancellationToken.None)));
        if (first is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
    }

    private static async Task<List<Reader>> ConnectAsync(CitusConnection connection, IReadOnlyList<SnapshotShard> shards,
        SessionLimit limit, CancellationToken stop)
    {
        ILookup<NodeName, SnapshotShard> nodes = shards.ToLookup(s => s.Node);
        // One table is read after the other, so a node has use for the shards of its largest table.
        int Most(IEnumerable<SnapshotShard> node) => node.GroupBy(s => s.Table.Oid).Max(table => table.Count());
        int all = nodes.Sum(Most);
        Task<Reader>[] opened = [.. nodes.SelectMany(node => Enumerable.Range(0, limit.On(Most(node), all)).Select(_ => OpenAsync(node)))];
        try
        {
            return [.. await Task.WhenAll(opened)];
        }
        catch
        {
            await CloseAsync([.. opened.Where(o => o.IsCompletedSuccessfully).Select(o => o.Result)]);
            throw;
        }

        async Task<Reader> OpenAsync(IGrouping<NodeName, SnapshotShard> node)
        {
            Task<NpgsqlConnection> Open(CancellationToken stop) => connection.ReopenAsync(node.Key, stop);
            return new Reader(await Open(stop), node.Key, [.. node.Select(s => s.Name)], Open);
        }
    }

    private static async Task CloseAsync(List<Reader> readers)
    {
        foreach (Reader reader in readers) await reader.Session.DisposeAsync(); // and its transaction with it
    }

    private static Task<bool> IsFilteredAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop) =>
        session.ScalarAsync<bool>("SELECT pg_catalog.row_security_active($1::oid)", stop, table.Oid);

    private static async Task<IReadOnlyList<SnapshotShard>> ReadShardsAsync(CitusConnection connection, NpgsqlConnection session,
        IReadOnlyList<TableInfo> tables, CancellationToken stop)
    {
        var found = new List<SnapshotShard>();
        foreach (TableInfo table in tables)
        {
            List<SnapshotShard> shards = connection.CitusVersion is null ? [] : await session.ListAsync("""
                SELECT shard, nodename, nodeport, low, high FROM (
                    SELECT DISTINCT ON (s.shardid) (parse_ident(pg_catalog.shard_name(s.logicalrelid,
                        s.shardid)))[array_upper(parse_ident(pg_catalog.shard_name(s.logicalrelid, s.shardid)), 1)] AS shard,
                        n.nodename, n.nodeport, CASE WHEN t.partmethod = 'h' THEN s.shardminvalue::int END AS low,
                        CASE WHEN t.partmethod = 'h' THEN s.shardmaxvalue::int END AS high, s.shardid
                    FROM pg_catalog.pg_dist_shard s
                    JOIN pg_catalog.pg_dist_partition t ON t.logicalrelid = s.logicalrelid
                    JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid AND p.shardstate = 1
                    JOIN pg_catalog.pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
                    WHERE s.logicalrelid = $1::oid ORDER BY s.shardid, p.placementid) s
                ORDER BY low, shardid
                """, row => new SnapshotShard(table, new TableName(table.Name.Schema, row.GetString(0)),
                    new NodeName(row.GetString(1), row.GetInt32(2)), row.IsDBNull(3) ? null : row.GetInt32(3),
                    row.IsDBNull(4) ? null : row.GetInt32(4)), stop, table.Oid);
            found.AddRange(shards.Count > 0 && table.Kind != TableKind.Local ? shards : [new SnapshotShard(table, table.Name, default, null,
                null)]);
        }
        return found;
    }

    /// <summary>A session on a node, which reads shards of that node.</summary>
    /// <param name="Shards">All of the node.</param>
    /// <param name="Reopen">Opens another session to the node.</param>
    private sealed record Reader(NpgsqlConnection Session, NodeName Node, TableName[] Shards,
        Func<CancellationToken, Task<NpgsqlConnection>> Reopen)
    {
        public int ProcessId { get; } = Session.ProcessID;

        private string Place => Node == default ? "the coordinator" : Node.ToString();

        /// <summary>Takes the snapshot, and with it a lock on each shard against what would change or drop it.</summary>
        /// <returns>Why it would not be one of whole transactions, or can't be had before the patience ends; or null.</returns>
        public async Task<string?> TakeSnapshotAsync(TimeSpan patience, CancellationToken stop)
        {
            var clock = Stopwatch.StartNew();
            // Nobody writes now, but a transaction may be committed elsewhere and here, for a lost connection, only be prepared.
            while (await IsUndecidedAsync(stop))
            {
                if (clock.Elapsed > patience)
                    return $"{Place} has a transaction that is prepared and not yet committed or rolled back";
                await Task.Delay(20, stop);
            }
            string wait = Math.Max(1, (patience - clock.Elapsed).TotalMilliseconds).ToString("0", CultureInfo.InvariantCulture);
            var touch = new System.Text.StringBuilder($"{LoadSession.BeginRead}; SET LOCAL lock_timeout = '{wait}ms'");
            foreach (TableName shard in Shards) touch.Append("; SELECT FROM ").Append(shard.Sql).Append(" LIMIT 0");
            try
            {
                await Session.ExecuteAsync($"{touch}; {LoadSession.LockTimeout}", stop);
                return null;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                await Session.ExecuteAsync("ROLLBACK", stop);
                return $"{await HolderAsync(stop) ?? "another session held a lock"} on {Place}, for which readers wait";
            }
        }

        /// <summary>Who keeps readers from a shard, and which, or null where nobody does any more.</summary>
        private Task<string?> HolderAsync(CancellationToken stop) => Session.ScalarAsync<string>($"""
            SELECT pg_catalog.format('process %s %s a lock on %s', l.pid, CASE WHEN l.granted THEN 'held' ELSE 'waited for' END,
                l.relation::regclass)
            FROM pg_catalog.pg_locks l WHERE l.mode = 'AccessExclusiveLock' AND {OnShards} ORDER BY l.granted DESC LIMIT 1
            """, stop, Names);

        private Task<bool> IsUndecidedAsync(CancellationToken stop) =>
            // A prepared transaction has no process, and holds its locks on what it wrote, or emptied or rewrote as a whole.
            Session.ScalarAsync<bool>($"""
                SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid IS NULL
                    AND l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock') AND {OnShards})
                """, stop, Names);

        private string[] Names => [.. Shards.Select(s => s.Sql)];

        /// <summary>An SQL condition: a lock l is on one of the shards named by $1, or on a partition of one.</summary>
        private const string OnShards = """
            l.locktype = 'relation'
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
            AND l.relation IN (SELECT r FROM unnest($1::text[]) t, pg_catalog.to_regclass(t) r
                UNION SELECT p.relid FROM unnest($1::text[]) t, pg_catalog.pg_partition_tree(pg_catalog.to_regclass(t)) p)
            """;
    }
}
