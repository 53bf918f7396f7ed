using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Export;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Comparison;

/// <summary>
/// The rows of one side, as of one moment where that can be: shard by shard on their nodes, or in one session through the
/// server that the connection leads to. They can be read several times.
/// </summary>
internal sealed class ComparedRows : IAsyncDisposable
{
    private readonly ShardSnapshot? _shards;
    private readonly NpgsqlConnection? _session;
    private readonly bool _isOwned;
    private readonly IReadOnlyList<SnapshotShard> _parts;

    private ComparedRows(ComparedTable table, ShardSnapshot? shards, NpgsqlConnection? session, bool isOwned, string method)
    {
        (Table, _shards, _session, _isOwned, Method) = (table, shards, session, isOwned, method);
        _parts = [.. shards?.Shards.Where(s => s.Table.Oid == table.Info.Oid) ?? []];
        Consistency = shards is not null || !table.Connection.IsCitus || table.Info.Kind != TableKind.Distributed
            ? ExportConsistency.Snapshot : ExportConsistency.PerShard;
    }

    public ComparedTable Table { get; }

    /// <summary>How the rows are read, as a clause.</summary>
    public string Method { get; }

    public ExportConsistency Consistency { get; }

    /// <summary>How many queries read the table once.</summary>
    public int Parts => _shards is null ? 1 : _parts.Count;

    /// <summary>True where rows in a wrong shard are found.</summary>
    public bool KnowsPlaces => _parts.Any(p => p.HashMin is not null);

    /// <summary>The rows as of now.</summary>
    public static async Task<ComparedRows> OpenAsync(ComparedTable table, SessionLimit limit, CancellationToken stop)
    {
        CitusConnection connection = table.Connection;
        string? obstacle = null;
        if (connection.IsCitus && table.Info.Kind == TableKind.Distributed)
        {
            (ShardSnapshot? shards, obstacle) = await ShardSnapshot.TryTakeAsync(connection, [table.Info], limit, stop);
            if (shards is not null) return Over(table, shards, isOwned: true);
        }
        NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        try
        {
            await session.ExecuteAsync(LoadSession.BeginRead, stop);
            return Over(table, session, isOwned: true, obstacle);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Rows in a snapshot that somebody has taken.</summary>
    /// <param name="isOwned">Whether it ends with this.</param>
    public static ComparedRows Over(ComparedTable table, ShardSnapshot shards, bool isOwned) =>
        new(table, shards, null, isOwned, shards.Extent);

    /// <summary>Rows that a session sees, whose transaction somebody has begun.</summary>
    /// <param name="isOwned">Whether it ends with this.</param>
    /// <param name="obstacle">Why the shards are not read on their nodes, or null.</param>
    public static ComparedRows Over(ComparedTable table, NpgsqlConnection session, bool isOwned, string? obstacle) =>
        new(table, null, session, isOwned, obstacle is null ? "one query" : $"one query through the coordinator, because {obstacle}");

    /// <summary>Reads all parts by a query; rows of several parts come at once, but never at the same time.</summary>
    /// <param name="partRead">Told of each part that is read.</param>
    public async Task ReadAsync(
        Func<RowPart, string> query, Action<NpgsqlDataReader> read, Action partRead, CancellationToken stop, params object?[] values)
    {
        object gate = new();
        try
        {
            if (_shards is not null) await _shards.ReadAsync(_parts, (session, shard, all) => ReadAsync(session,
                new RowPart(shard.Name, false, Misplaced(shard)), RowQueries.Settings, all), stop);
            else await ReadWholeAsync();
        }
        catch (Exception e) when (e is not OperationCanceledException && !stop.IsCancellationRequested)
        {
            throw ComparisonErrors.OnSide(Table.Side, e, Table.Info.Name);
        }

        async Task ReadWholeAsync()
        {
            bool isPassedOn = Table.Connection.IsCitus && Table.Info.Kind != TableKind.Local;
            // What is set in the session is set in those that Citus opens for it, too.
            string settings = (Table.Connection.IsCitus ? "SET LOCAL citus.propagate_set_commands = 'local'; " : "") + RowQueries.Settings;
            int process = _session!.ProcessID;
            await using var cancellation = new ServerCancellation(stop, () => [(Table.Connection.OpenSessionAsync, new[] { process })]);
            await ReadAsync(_session, new RowPart(Table.Info.Name, isPassedOn && Table.Info.Kind == TableKind.Distributed), settings, stop);
        }

        async Task ReadAsync(NpgsqlConnection session, RowPart part, string settings, CancellationToken all)
        {
            await session.ExecuteAsync(settings, all);
            await session.ForEachAsync(query(part), row =>
            {
                lock (gate) read(row);
            }, all, values);
            lock (gate) partRead();
        }
    }

    /// <summary>An SQL condition: the row <c>t</c> lies in a shard that its hash does not belong to.</summary>
    private static string Misplaced(SnapshotShard shard)
    {
        if (shard.HashMin is not { } low || shard.HashMax is not { } high) return "false";
        string key = $"t.{TableName.Quote(shard.Table.DistributionColumn!)}";
        return string.Create(CultureInfo.InvariantCulture,
            $"CASE WHEN {key} IS NULL THEN true ELSE pg_catalog.worker_hash({key}) NOT BETWEEN {low} AND {high} END");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isOwned) return;
        if (_shards is not null) await _shards.DisposeAsync();
        if (_session is not null) await _session.DisposeAsync(); // and its transaction with it
    }
}
