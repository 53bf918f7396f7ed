using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
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
    public static Task<RoutedBatch> BeginAsync(
        ShardRoute route, ImportLedger ledger, int number, bool truncate, RejectList? rejects, CancellationToken stop) =>
        RoutedBatch.BeginAsync(route, ledger, number, rejects, guard => route.LockAsync(guard, stop),
            (map, router) => map.Shards.Select((shard, index) =>
                new WriterPlace([index], () => OpenAsync(route, ledger, router, shard, truncate, rejects, stop))),
            (guard, parts, nameOf, cancellation) => new TwoPhaseCommit(ledger, guard, parts, nameOf, cancellation), stop);

    private static async Task<NodeWriter> OpenAsync(ShardRoute route, ImportLedger ledger, RecordRouter router, ShardRange shard,
        bool truncate, RejectList? rejects, CancellationToken stop)
    {
        NodeName node = ShardRoute.NodeOf(shard);
        NpgsqlConnection session = await route.SessionAsync(shard, ledger.ImportId, stop);
        var options = new WriterOptions(route.Connection.AddressOf(node).ToString(), c => route.Connection.OpenNodeSessionAsync(node, c))
        {
            Shards = [shard],
            Shard = shard,
            KeepsLines = rejects is not null,
            AlwaysCommits = truncate,
            WasSent = router.SentTo([shard]),
        };
        return await NodeWriter.BeginAsync(session, options, async () =>
        {
            await route.BeginAsync(session, shard, stop);
            if (truncate)
            {
                await session.ExecuteAsync("SET LOCAL citus.enable_manual_changes_to_shards = on", stop);
                await CopyTarget.TruncateAsync(session, route.SqlOf(shard), stop);
            }
            string command = route.CopyCommand(shard);
            return rejects is null ? await CopyStream.OpenAsync(session, command, stop)
                : new BisectingCopy(new SavepointCopy(session, command).TryAsync, rejects, shard);
        });
    }
}
