using System.Collections.Concurrent;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>What stands against routes past the coordinator: the table, the user's rights, the nodes.</summary>
/// <param name="noLedger">Why the coordinator, which would keep the ledger, can't be reached, or null.</param>
internal sealed class RouteObstacles(ShardRoute shards, NpgsqlConnection session, CitusException? noLedger)
{
    private readonly TableInfo _table = shards.Table;
    private TableFacts? _facts;

    /// <summary>Where rows can go straight into the shards: for how many sessions on each shard at a time the nodes have room.</summary>
    public int Room { get; private set; }

    /// <summary>Why rows can't go straight into the shards, or null.</summary>
    public async Task<string?> ToShardsAsync(CancellationToken stop)
    {
        if (await CommonAsync(stop) is { } common) return common;
        TableFacts facts = _facts!;
        if (!facts.IsOwner) return $"only the owner of {_table.Display} may lock its shards";
        if (facts.HasTriggers) return $"{_table.Display} has triggers, which run on the coordinator";
        if (facts.SequencesLeftOut is { } columns) return $"the sequence of {columns}, which the file leaves out, is the coordinator's";
        var rooms = new ConcurrentBag<long>();
        // Whoever may not see others' sessions in full sees them without their backend_type.
        string? full = await AtNodesAsync("""
            SELECT current_setting('max_prepared_transactions')::int - (SELECT count(*) FROM pg_catalog.pg_prepared_xacts),
                   current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                     - coalesce(current_setting('reserved_connections', true)::int, 0) - count(*),
                   CASE WHEN NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user)
                     THEN nullif(current_setting('citus.max_client_connections', true)::int, -1)
                       - count(*) FILTER (WHERE application_name !~ '^citus_(internal|rebalancer|run_command) gpid=') END
            FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
            """, (row, address, count) =>
            {
                (long prepared, long sessions, long clients) = (row.GetInt64(0), row.GetInt64(1) / 2,
                    row.IsDBNull(2) ? long.MaxValue : row.GetInt64(2));
                rooms.Add(Math.Min(prepared, Math.Min(sessions, clients)) / count);
                return prepared < count ? $"{address} has no room for {count} prepared transactions (max_prepared_transactions)"
                    : sessions < count ? $"{address} has no room for {count} more connections (max_connections)"
                    : clients < count ? $"{address} has no room for {count} more connections of clients (citus.max_client_connections)"
                    : null;
            }, stop);
        if (full is null) Room = (int)rooms.Min();
        return full;
    }

    /// <summary>Why rows can't go past the coordinator, to the shards or to the nodes, or null.</summary>
    public async Task<string?> CommonAsync(CancellationToken stop)
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
        if (facts.Encoding is not ("UTF8" or "SQL_ASCII") && TableColumn.IsText(_table.FindColumn(_table.DistributionColumn!)!.TypeOid))
            return $"the database's encoding is {facts.Encoding}, in which the hash of texts is the server's alone";
        if (!facts.HasDeterministicKey)
            return $"{_table.DistributionColumn} has a nondeterministic collation, whose hash is the server's alone";
        if (facts.HasRowSecurity)
            return $"{_table.Display} has row level security that holds for this user, "
                + "and only a COPY through the coordinator is checked by it";
        if (noLedger is not null) return OfLedger(noLedger);
        if (await LedgerSchema.ObstacleAsync(session, withParts: false, stop) is { } obstacle) return OfLedger(obstacle);
        await using var room = new NpgsqlCommand("SELECT current_setting('max_prepared_transactions')::int > (SELECT count(*) FROM "
            + "pg_catalog.pg_prepared_xacts)", session);
        return await room.ExecuteScalarAsync(stop) is true ? null
            : "the coordinator has no room for another prepared transaction (max_prepared_transactions)";
    }

    public static string OfLedger(CitusException obstacle) =>
        $"the ledger that makes it exactly once can't be kept: {char.ToLowerInvariant(obstacle.What[0])}{obstacle.What[1..].TrimEnd('.')}";

    /// <summary>Asks every node that holds shards, all at the same time; one that can't be reached is an obstacle too.</summary>
    public async Task<string?> AtNodesAsync(string question, Func<NpgsqlDataReader, string, int, string?> check,
        CancellationToken stop)
    {
        string?[] obstacles = await Task.WhenAll((await shards.NodesAsync(session, stop))
            .Select(n => AtNodeAsync(n.Node, question, (row, address) => check(row, address, n.Shards), stop)));
        return obstacles.FirstOrDefault(o => o is not null);
    }

    private async Task<string?> AtNodeAsync(NodeName node, string question, Func<NpgsqlDataReader, string, string?> check,
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
                return $"node {address} can't be reached from here ({e.Message.TrimEnd('.')}); {shards.Connection.ReachAdvice(e)}";
            }
        }
    }

    /// <summary>What decides about a table.</summary>
    private sealed record TableFacts(bool IsOwner, bool HasTriggers, long Placements, bool HasRowSecurity, string? SequencesLeftOut,
        bool HasDeterministicKey, string Encoding)
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
                          JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation WHERE a.attrelid = c.oid AND a.attname = $3), true),
                       pg_catalog.current_setting('server_encoding')
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
                await row.IsDBNullAsync(4, stop) ? null : row.GetString(4), row.GetBoolean(5), row.GetString(6));
        }
    }
}
