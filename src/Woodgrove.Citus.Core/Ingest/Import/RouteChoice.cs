using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
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
    private TableFacts? _facts;

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
        string? notShard = import.Route == ImportRoute.Worker ? null : await ShardObstacleAsync(stop);
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

    private async Task<string?> ShardObstacleAsync(CancellationToken stop)
    {
        if (await CommonObstacleAsync(stop) is { } common) return common;
        TableFacts facts = _facts!;
        if (!facts.IsOwner) return $"only the owner of {_table.Display} may lock its shards";
        if (facts.HasTriggers) return $"{_table.Display} has triggers, which run on the coordinator";
        if (facts.SequencesLeftOut is { } columns) return $"the sequence of {columns}, which the file leaves out, is the coordinator's";
        // Whoever may not see others' sessions in full sees them without their backend_type.
        return await NodeObstacleAsync("""
            SELECT current_setting('max_prepared_transactions')::int - (SELECT count(*) FROM pg_catalog.pg_prepared_xacts),
                   current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                     - coalesce(current_setting('reserved_connections', true)::int, 0) - count(*),
                   CASE WHEN NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user)
                     THEN nullif(current_setting('citus.max_client_connections', true)::int, -1)
                       - count(*) FILTER (WHERE application_name !~ '^citus_(internal|rebalancer|run_command) gpid=') END
            FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
            """, (row, address, count) =>
                row.GetInt64(0) < count ? $"{address} has no room for {count} prepared transactions (max_prepared_transactions)"
                : row.GetInt64(1) < count * 2 ? $"{address} has no room for {count} more connections (max_connections)"
                : !row.IsDBNull(2) && row.GetInt64(2) < count
                ? $"{address} has no room for {count} more connections of clients (citus.max_client_connections)" : null, stop);
    }

    private async Task<string?> WorkerObstacleAsync(CancellationToken stop)
    {
        if (await CommonObstacleAsync(stop) is { } common) return common;
        if (import.SkipErrors) return "each node commits its part separately, so refused rows could not be rejected exactly once";
        if (import.Truncate) return "each node commits its part apart, so that the table could not be emptied and filled as one";
        if ((await shards.NodesAsync(session, stop)).Count < 2) return "all shards lie on one node, so there is nothing to share";
        if (await LedgerSchema.ObstacleAsync(session, withParts: true, stop) is { } obstacle) return LedgerObstacle(obstacle);
        return await NodeObstacleAsync("""
            SELECT pg_catalog.to_regclass($1) IS NOT NULL
                AND EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = pg_catalog.to_regclass($1)),
                   coalesce((SELECT bool_and(metadatasynced) FROM pg_catalog.pg_dist_node WHERE isactive AND noderole = 'primary'), false)
            """, (row, address, _) => row.GetBoolean(0) && row.GetBoolean(1) ? null
                : $"{address} does not have the cluster's metadata (pg_dist_node.metadatasynced)", stop);
    }

    private async Task<string?> CommonObstacleAsync(CancellationToken stop)
    {
        if (_table.Kind != TableKind.Distributed) return $"{_table.Display} is not distributed by hash";
        if (shards.Target.Columns.All(c => c.Name != _table.DistributionColumn))
            return $"the default of {_table.DistributionColumn}, which the file leaves out, is the coordinator's";
        if (shards.Hasher is null)
            return $"the hash of {_table.DistributionColumn}'s type {_table.FindColumn(_table.DistributionColumn!)?.TypeName} is the "
                + "server's alone";
        _facts ??= await TableFacts.ReadAsync(session, shards.Target, stop);
        TableFacts facts = _facts;
        if (facts.Placements > 1) return $"{_table.Display} keeps each shard on several nodes";
        if (!facts.HasDeterministicKey)
            return $"{_table.DistributionColumn} has a nondeterministic collation, whose hash is the server's alone";
        if (facts.HasRowSecurity)
            return $"{_table.Display} has row level security that holds for this user, "
                + "and only a COPY through the coordinator is checked by it";
        if (noLedger is not null) return LedgerObstacle(noLedger);
        if (await LedgerSchema.ObstacleAsync(session, withParts: false, stop) is { } obstacle) return LedgerObstacle(obstacle);
        await using var room = new NpgsqlCommand("SELECT current_setting('max_prepared_transactions')::int > (SELECT count(*) FROM "
            + "pg_catalog.pg_prepared_xacts)", session);
        return await room.ExecuteScalarAsync(stop) is true ? null
            : "the coordinator has no room for another prepared transaction (max_prepared_transactions)";
    }

    private static string LedgerObstacle(CitusException obstacle) =>
        $"the ledger that makes it exactly once can't be kept: {char.ToLowerInvariant(obstacle.What[0])}{obstacle.What[1..].TrimEnd('.')}";

    /// <summary>Asks every node that holds shards, all at the same time; one that can't be reached is an obstacle too.</summary>
    private async Task<string?> NodeObstacleAsync(string question, Func<NpgsqlDataReader, string, int, string?> check,
        CancellationToken stop)
    {
        string?[] obstacles = await Task.WhenAll((await shards.NodesAsync(session, stop))
            .Select(n => NodeObstacleAsync(n.Node, question, (row, address) => check(row, address, n.Shards), stop)));
        return obstacles.FirstOrDefault(o => o is not null);
    }

    private async Task<string?> NodeObstacleAsync(NodeName node, string question, Func<NpgsqlDataReader, string, string?> check,
        CancellationToken stop)
    {
        string address = shards.Connection.AddressOf(node).ToString();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
                patience.CancelAfter(shards.Connection.ReachPatience);
                await using NpgsqlConnection there = await shards.Connection.OpenNodeSessionAsync(node, patience.Token);
                await using var command = new NpgsqlCommand(question, there);
                if (question.Contains("$1", StringComparison.Ordinal)) command.Parameters.Add(new() { Value = _table.Name.Sql });
                await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
                await row.ReadAsync(stop);
                return check(row, address);
            }
            catch (PostgresException full) when (full.SqlState == PostgresErrorCodes.TooManyConnections)
            {
                return $"{address} has no room for another connection ({full.MessageText})";
            }
            catch (NpgsqlException e) when (attempt == 0 && e.InnerException is not CitusException && PostgresErrors.IsNetwork(e)
                && !stop.IsCancellationRequested)
            {
                // A connection was lost; another may hold.
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException or TimeoutException
                && !stop.IsCancellationRequested)
            {
                return $"node {address} can't be reached from here ({e.Message.TrimEnd('.')}); {shards.Connection.ReachAdvice}";
            }
        }
    }

    /// <summary>What decides about a table.</summary>
    private sealed record TableFacts(bool IsOwner, bool HasTriggers, long Placements, bool HasRowSecurity, string? SequencesLeftOut,
        bool HasDeterministicKey)
    {
        public static async Task<TableFacts> ReadAsync(NpgsqlConnection session, CopyTarget target, CancellationToken stop)
        {
            await using var command = new NpgsqlCommand("""
                SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE'),
                       EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'),
                       coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM pg_catalog.pg_dist_shard s
                          JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid WHERE s.logicalrelid = c.oid
                              GROUP BY s.shardid) x), 1),
                       pg_catalog.row_security_active(c.oid),
                       (SELECT string_agg(a.attname, ', ') FROM pg_catalog.pg_attribute a
                          LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL ($2) AND a.attgenerated = ''
                            AND (a.attidentity <> '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ 'nextval')),
                       coalesce((SELECT l.collisdeterministic FROM pg_catalog.pg_attribute a
                          JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation WHERE a.attrelid = c.oid AND a.attname = $3), true)
                FROM pg_catalog.pg_class c WHERE c.oid = $1::oid
                """, session)
            {
                Parameters =
                {
                    new() { Value = (long)target.Table.Oid }, new() { Value = target.Columns.Select(c => c.Name).ToArray() },
                    new() { Value = target.Table.DistributionColumn! },
                },
            };
            await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
            if (!await row.ReadAsync(stop)) throw CommitErrors.Replaced(target.Table);
            return new TableFacts(row.GetBoolean(0), row.GetBoolean(1), row.GetInt64(2), row.GetBoolean(3),
                await row.IsDBNullAsync(4, stop) ? null : row.GetString(4), row.GetBoolean(5));
        }
    }
}
