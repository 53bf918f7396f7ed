using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Rejects;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>
/// A batch straight into the shards: each record's own bytes to the COPY of its shard on its node. It is committed by
/// preparing every shard's part, one row of the ledger that decides, and committing what was prepared.
/// </summary>
internal static class ShardBatch
{
    /// <param name="truncate">Empties the shards first.</param>
    /// <param name="rejects">Where refused records go, or null where the first one ends the load.</param>
    public static async Task<RoutedBatch> BeginAsync(
        ShardRoute route, ImportLedger ledger, int number, bool truncate, RejectList? rejects, CancellationToken stop)
    {
        TableGuard guard = await TableGuard.OpenAsync(route.Connection, route.Table, stop);
        try
        {
            ShardMap map = await route.LockAsync(guard, stop);
            var router = new RecordRouter(route.Dialect, route.KeyField, route.Hasher!, map);
            PreparedName NameOf(string part) => new(route.Connection.CoordinatorId, ledger.ImportId, number, ledger.Attempt, part);
            return await RoutedBatch.BeginAsync(route, ledger, router, rejects,
                map.Shards.Select((shard, index) => ((IReadOnlyList<int>)[index],
                    (Func<Task<NodeWriter>>)(() => OpenAsync(route, ledger, router, map, shard, truncate, rejects, stop)))).ToList(),
                map.Shards.Count,
                (parts, cancellation) => new TwoPhaseCommit(ledger, guard, parts, NameOf, cancellation), stop);
        }
        catch
        {
            await guard.DisposeAsync();
            throw;
        }
    }

    private static async Task<NodeWriter> OpenAsync(ShardRoute route, ImportLedger ledger, RecordRouter router, ShardMap map,
        ShardRange shard, bool truncate, RejectList? rejects, CancellationToken stop)
    {
        (string host, int port) = route.AddressOf(shard);
        NpgsqlConnection session = await route.SessionAsync(shard, ledger.ImportId, stop);
        var options = new WriterOptions($"{host}:{port}", c => route.Connection.OpenNodeSessionAsync(host, port, c))
        {
            Shards = [shard],
            Shard = shard,
            KeepsLines = rejects is not null,
            AlwaysCommits = truncate,
            WasSent = (rows, start, end) =>
                router.Find(rows.Block.Span, rows.Delimiters, start, end, out int found) == RoutingProblem.None
                    && map.Shards[found] == shard,
        };
        return await NodeWriter.BeginAsync(session, options, async () =>
        {
            await route.BeginAsync(session, shard, stop);
            if (truncate)
            {
                await using (var allow = new NpgsqlCommand("SET LOCAL citus.enable_manual_changes_to_shards = on", session))
                    await allow.ExecuteNonQueryAsync(stop);
                await CopyTarget.TruncateAsync(session, route.SqlOf(shard), stop);
            }
            string command = route.CopyCommand(shard);
            return rejects is null ? await CopyStream.OpenAsync(session, command, stop)
                : new BisectingCopy(new SavepointCopy(session, command).TryAsync, rejects, shard);
        });
    }
}
