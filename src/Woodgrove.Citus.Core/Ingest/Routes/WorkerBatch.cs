using Npgsql;
using Woodgrove.Citus.Catalog;
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
    public static async Task<RoutedBatch> BeginAsync(
        ShardRoute route, ImportLedger ledger, int number, PartialBatch? pending, CancellationToken stop)
    {
        TableGuard guard = await TableGuard.OpenAsync(route.Connection, route.Table, stop);
        try
        {
            ShardMap map = await route.ReadAsync(guard.Session, stop);
            var router = new RecordRouter(route.Dialect, route.KeyField, route.Hasher!, map);
            PreparedName NameOf(string part) => new(route.Connection.CoordinatorId, ledger.ImportId, number, ledger.Attempt, part);
            var nodes = map.Shards.Select((shard, index) => (shard, index)).Where(s => pending?.Holds(s.shard) is not true)
                .GroupBy(s => route.AddressOf(s.shard))
                .Select(node => ((IReadOnlyList<int>)node.Select(s => s.index).ToList(), (Func<Task<NodeWriter>>)(() =>
                    OpenAsync(route, node.Key.Host, node.Key.Port, node.Select(s => s.shard).ToList(), router, map, stop))));
            return await RoutedBatch.BeginAsync(route, ledger, router, rejects: null, nodes.ToList(), map.Shards.Count,
                (parts, _) => new PartPerNode(ledger, guard, parts, NameOf), stop);
        }
        catch
        {
            await guard.DisposeAsync();
            throw;
        }
    }

    private static async Task<NodeWriter> OpenAsync(ShardRoute route, string host, int port, IReadOnlyList<ShardRange> shards,
        RecordRouter router, ShardMap map, CancellationToken stop)
    {
        NpgsqlConnection session = await route.Connection.OpenUserNodeSessionAsync(host, port, stop);
        var options = new WriterOptions($"{host}:{port}", c => route.Connection.OpenNodeSessionAsync(host, port, c))
        {
            Shards = shards,
            OwnsSession = true,
            WasSent = (rows, start, end) => router.Find(rows.Block.Span, rows.Delimiters, start, end, out int found) == RoutingProblem.None
                && shards.Contains(map.Shards[found]),
        };
        return await NodeWriter.BeginAsync(session, options, async () =>
        {
            await using (var begin = new NpgsqlCommand($"BEGIN; {route.Settings}; {LoadSession.DurableCommit}", session))
                await begin.ExecuteNonQueryAsync(stop);
            await LedgerSchema.RequireTrustedAsync(session, PartialBatch.Table, stop);
            return await CopyStream.OpenAsync(session, route.Target.CopyInto(route.Table.Name.Sql), stop);
        });
    }
}
