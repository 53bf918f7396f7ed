using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>
/// A batch by node: each row goes to the node that owns its shard, into the distributed table itself, so that the
/// node's own Citus keeps the locks and commits.
/// </summary>
internal static class WorkerBatch
{
    /// <param name="pending">The batch that an earlier run left in parts, or null for a new one.</param>
    public static Task<RoutedBatch> BeginAsync(
        ShardRoute route, ImportLedger ledger, int number, PartialBatch? pending, CancellationToken stop) =>
        RoutedBatch.BeginAsync(route, ledger, number, rejects: null, guard => route.ReadAsync(guard.Session, stop),
            (map, router) => map.Shards.Select((shard, index) => (shard, index)).Where(s => pending?.Holds(s.shard) is not true)
                .GroupBy(s => ShardRoute.NodeOf(s.shard))
                .Select(node => new WriterPlace([.. node.Select(s => s.index)],
                    () => OpenAsync(route, router, node.Key, [.. node.Select(s => s.shard)], stop))),
            (guard, parts, nameOf, _) => new PartPerNode(ledger, guard, parts, nameOf), stop);

    private static async Task<NodeWriter> OpenAsync(ShardRoute route, RecordRouter router, NodeName node,
        IReadOnlyList<ShardRange> shards, CancellationToken stop)
    {
        NpgsqlConnection session = await route.Connection.OpenUserNodeSessionAsync(node, stop);
        var options = new WriterOptions(route.Connection.AddressOf(node).ToString(), c => route.Connection.OpenNodeSessionAsync(node, c))
        {
            Shards = shards,
            OwnsSession = true,
            WasSent = router.SentTo(shards),
        };
        return await NodeWriter.BeginAsync(session, options, async () =>
        {
            await session.ExecuteAsync($"BEGIN; {route.Settings}; {LoadSession.DurableCommit}", stop);
            await LedgerSchema.RequireTrustedAsync(session, PartialBatch.Table, stop);
            return await CopyStream.OpenAsync(session, route.Target.CopyInto(route.Table.Name.Sql), stop);
        });
    }
}
