using System.Diagnostics;
using System.Runtime.CompilerServices;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Queries;

/// <summary>
/// A query that runs on nodes or shards by themselves, several at a time; where it fails on one, the others have their
/// result.
/// </summary>
/// <param name="Collect">Makes what receives the rows of one node or shard.</param>
public sealed record NodeQuery(CitusQuery Query, QueryTargets On, Func<ICollectingSink> Collect)
{
    /// <summary>What stands in the SQL for the name of the shard's table.</summary>
    public const string Shard = "{shard}";

    /// <summary>The table whose shards are meant.</summary>
    public string? Table { get; init; }

    /// <summary>Lets the query change what is on the nodes.</summary>
    public bool AllowWrite { get; init; }

    /// <summary>How many nodes or shards are asked at a time.</summary>
    public int ThrottleLimit { get; init; } = 8;

    private bool IsOfShards => On is QueryTargets.Shards or QueryTargets.Placements;

    /// <summary>The results, in the order of the nodes and shards.</summary>
    public async IAsyncEnumerable<NodeResult> RunAsync(CitusConnection connection, [EnumeratorCancellation] CancellationToken stop)
    {
        if (IsOfShards && Table is null) throw QueryErrors.NoTable(On);
        if (IsOfShards && !Query.Sql.Contains(Shard, StringComparison.Ordinal)) throw QueryErrors.NoShard(On);
        if (!IsOfShards && Table is not null) throw QueryErrors.TableOfNodes(On);
        List<Target> targets = await TargetsAsync(connection, stop);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var gate = new SemaphoreSlim(ThrottleLimit);
        List<Task<NodeResult>> running = [.. targets.Select(t => RunAsync(connection, t, gate, ended.Token))];
        try
        {
            foreach (Task<NodeResult> result in running) yield return await result;
        }
        finally
        {
            await ended.CancelAsync();
            await Task.WhenAll(running).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private async Task<List<Target>> TargetsAsync(CitusConnection connection, CancellationToken stop)
    {
        var targets = new List<Target>();
        if (IsOfShards)
        {
            await foreach (ShardPlacement p in ClusterMetadata.PlacementsAsync(connection, [Table!], null, withSizes: false, _ => { },
                stop))
            {
                if (On == QueryTargets.Shards && targets.Exists(t => t.ShardId == p.ShardId)) continue;
                var name = TableName.Parse(p.ShardName); // the schema public is left out
                targets.Add(new Target(new NodeName(p.NodeName, p.NodePort), p.Table, p.ShardId,
                    new TableName(name.Schema ?? "public", name.Name)));
            }
            return targets;
        }
        await foreach (CitusNode node in ClusterMetadata.NodesAsync(connection, withSizes: false, _ => { }, stop, reach: false))
        {
            if (node.IsActive && (On == QueryTargets.AllNodes || On == QueryTargets.Coordinator == (node.GroupId == 0)))
                targets.Add(new Target(new NodeName(node.NodeName, node.NodePort), null, null, null));
        }
        return targets;
    }

    private async Task<NodeResult> RunAsync(CitusConnection connection, Target target, SemaphoreSlim gate, CancellationToken stop)
    {
        await gate.WaitAsync(stop);
        var clock = Stopwatch.StartNew();
        try
        {
            await using NpgsqlConnection session = await connection.OpenUserNodeSessionAsync(target.Node, stop);
            if (!AllowWrite) await session.ExecuteAsync("SET default_transaction_read_only = on", stop);
            else if (IsOfShards && connection.IsCitus) await session.ExecuteAsync("SET citus.enable_manual_changes_to_shards = on", stop);
            CitusQuery query = target.Shard is { } shard
                ? Query with { Sql = Query.Sql.Replace(Shard, shard.Sql, StringComparison.Ordinal) }
                : Query;
            ICollectingSink sink = Collect();
            await query.RunAsync(connection, target.Node, session, sink, stop);
            return Result(true, sink.Rows, null);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            return Result(false, [], PostgresErrors.Describe(e));
        }
        finally
        {
            gate.Release();
        }

        NodeResult Result(bool success, Listing<object?> rows, CitusException? error) =>
            new(target.Node.Host, target.Node.Port, target.Table,
            target.ShardId, success, rows, error?.Message, error?.ErrorId, clock.Elapsed);
    }

    /// <param name="Shard">The shard's own table.</param>
    private sealed record Target(NodeName Node, string? Table, long? ShardId, TableName? Shard);
}
