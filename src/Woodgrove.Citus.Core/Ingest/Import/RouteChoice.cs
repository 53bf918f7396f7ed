using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>Chooses how rows travel, and says why: the fastest way that the table, the user and the network allow.</summary>
/// <param name="noLedger">Why the coordinator, which would keep the ledger, can't be reached, or null.</param>
internal sealed class RouteChoice(CsvImport import, ShardRoute shards, NpgsqlConnection session, CitusException? noLedger)
{
    /// <summary>Below this size a load is over before many connections would have paid.</summary>
    private const long WorthManyConnections = 8 * 1024 * 1024;

    private readonly TableInfo _table = shards.Table;
    private readonly RouteObstacles _obstacles = new(shards, session, noLedger);

    /// <param name="pending">A batch that an earlier run left in parts: only the Worker route can make it whole.</param>
    public async Task<(ImportRoute Route, string Reason)> ChooseAsync(CsvInput input, PartialBatch? pending, CancellationToken stop)
    {
        if (pending is not null)
            return (ImportRoute.Worker, $"{Worker()}; an earlier run left a batch of which some nodes have their part and others not, "
                + "which this route makes whole.");
        if (import.Route == ImportRoute.Coordinator || (import.Route == ImportRoute.Auto && _table.Kind == TableKind.Local))
            return (ImportRoute.Coordinator, Coordinator() + ".");
        if (import.Route == ImportRoute.Auto && input.Length < (input.IsCompressed ? WorthManyConnections / 8 : WorthManyConnections))
            return (ImportRoute.Coordinator, $"{Coordinator()}; the file is too small for a connection to each shard to pay.");
        string? notShard = import.Route == ImportRoute.Worker ? null : await _obstacles.ToShardsAsync(stop);
        if (import.Route != ImportRoute.Worker && notShard is null) return (ImportRoute.Shard, Shard() + ".");
        string? notWorker = import.Route == ImportRoute.Shard ? null : await WorkerObstacleAsync(stop);
        if (import.Route != ImportRoute.Shard && notWorker is null)
            return (ImportRoute.Worker, notShard is null ? Worker() + "."
                : $"{Worker()}; not straight into the shards, because {notShard}.");
        if (import.Route != ImportRoute.Auto)
            throw ImportErrors.RouteNotPossible(import.Route, _table, (notShard ?? notWorker)!);
        return (ImportRoute.Coordinator, $"{Coordinator()}; not straight into the shards, "
            + $"because {notShard}{(notWorker == notShard ? "" : $", nor by node, because {notWorker}")}.");
    }

    private string Shard() => $"each row's {_table.DistributionColumn} is hashed here, as Citus would, "
        + "and its bytes go straight to its shard's COPY on its node; the nodes share the work that the coordinator would do alone";

    private string Worker() => $"each row's {_table.DistributionColumn} is hashed here, as Citus would, "
        + $"and the row goes to a COPY into {_table.Display} on the node that holds its shard; the node's own Citus locks and commits";

    private string Coordinator() => _table.Kind switch
    {
        TableKind.Distributed => $"one COPY into {_table.Display} on the coordinator, "
            + $"which hashes each row's {_table.DistributionColumn} and streams the row to the node that holds its shard",
        TableKind.Reference => $"one COPY into {_table.Display} on the coordinator, which sends every row to every node, "
            + "since each keeps a full copy of a reference table",
        TableKind.SingleShard => $"one COPY into {_table.Display} on the coordinator, which streams the rows to the node that holds its "
            + "one shard",
        TableKind.Schema => $"one COPY into {_table.Display} on the coordinator, which streams the rows to the node that holds its "
            + "distributed schema",
        _ => $"one COPY into {_table.Display}, a plain table of the node that the connection leads to",
    };

    private async Task<string?> WorkerObstacleAsync(CancellationToken stop)
    {
        if (await _obstacles.CommonAsync(stop) is { } common) return common;
        if (import.SkipErrors) return "each node commits its part separately, so refused rows could not be rejected exactly once";
        if (import.Truncate) return "each node commits its part apart, so that the table could not be emptied and filled as one";
        if ((await shards.NodesAsync(session, stop)).Count < 2) return "all shards lie on one node, so there is nothing to share";
        if (await LedgerSchema.ObstacleAsync(session, withParts: true, stop) is { } obstacle) return RouteObstacles.OfLedger(obstacle);
        return await _obstacles.AtNodesAsync("""
            SELECT pg_catalog.to_regclass($1) IS NOT NULL
                AND EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = pg_catalog.to_regclass($1)),
                   coalesce((SELECT bool_and(metadatasynced) FROM pg_catalog.pg_dist_node WHERE isactive AND noderole = 'primary'), false)
            """, (row, address, _) => row.GetBoolean(0) && row.GetBoolean(1) ? null
                : $"{address} does not have the cluster's metadata (pg_dist_node.metadatasynced)", stop);
    }
}
