using System.Text;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations;

/// <summary>Plans to create a restore point on all nodes, and to keep it in <c>woodgrove.restore_point</c> on the coordinator.</summary>
public static class RestorePointPlanner
{
    /// <summary>Bytes of a restore point's name, in PostgreSQL.</summary>
    private const int LongestName = 63;

    private const string Positions = "pg_catalog.run_command_on_all_nodes('SELECT pg_catalog.pg_current_wal_insert_lsn()') r";

    // A local table, whatever the role's settings. The last column is set after the point is made.
    private const string Create = """
        SELECT pg_catalog.set_config('citus.enable_ddl_propagation', 'off', true); CREATE SCHEMA IF NOT EXISTS woodgrove;
        CREATE TABLE woodgrove.restore_point (name text PRIMARY KEY, description text, nodes jsonb, lsn pg_lsn NOT NULL,
            created_by text NOT NULL DEFAULT current_user, created_at timestamptz NOT NULL DEFAULT clock_timestamp())
        """;

    /// <exception cref="Errors.CitusException">It would be refused.</exception>
    public static async Task<ClusterChange> PlanAsync(CitusConnection connection, string name, string? description, CancellationToken stop)
    {
        if (Encoding.UTF8.GetByteCount(name) > LongestName) throw RestorePointErrors.NameTooLong(name, LongestName);
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(await connection.AtCoordinatorAsync(stop), stop);
        if (!connection.IsCitus) throw ChangeErrors.NotSupported(connection, "A restore point of all nodes");
        if (!await session.ScalarAsync<bool>("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user", stop))
            throw RestorePointErrors.NoRight(connection);
        await LedgerSchema.RequireTrustedAsync(session, RestorePoint.Table, stop);
        bool exists = await LedgerSchema.HasTableAsync(session, RestorePoint.Table, stop);
        if (exists && await session.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM woodgrove.restore_point WHERE name = $1)", stop, name))
            throw RestorePointErrors.Exists(name);
        return new ClusterChange
        {
            Action = $"Create restore point {name} on all nodes",
            Target = name,
            SeeksCoordinator = true,
            Sql = exists ? [Insert(name, description), Complete(name)] : [Create, Insert(name, description), Complete(name)],
            Locks =
            [
                "Commits that change several nodes, imports' decisions, changes of nodes and DDL on distributed tables wait while it is "
                    + "made, and it waits for those that go on.",
                .. IsOfAllNodes(connection) ? (string[])[] : [$"Citus {connection.CitusVersion} does not hold up transactions that clients "
                    + "begin on workers: only without them is the point consistent (from Citus 14 on, it is with them too)."],
            ],
        };
    }

    /// <summary>
    /// Before it a node's position is read, then imports' decisions are locked out, as their prepared rows must not be committed
    /// on a node before its point and decided after the coordinator's. CASE keeps the order.
    /// </summary>
    private static string Insert(string name, string? description) => $"""
        WITH before AS MATERIALIZED (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('node_id', n.nodeid, 'group_id', n.groupid,
            'node_name', n.nodename, 'node_port', n.nodeport, 'minimum_lsn', CASE WHEN r.success THEN r.result END)
            ORDER BY n.groupid) AS nodes FROM {Positions} JOIN pg_catalog.pg_dist_node n ON n.nodeid = r.nodeid)
        INSERT INTO woodgrove.restore_point (name, description, nodes, lsn) SELECT {TableName.Literal(name)}, {(description is null
            ? "NULL" : TableName.Literal(description))}, nodes,
            CASE WHEN pg_catalog.lock_relation_if_exists('woodgrove.{ImportLedger.Table}', 'EXCLUSIVE') IS NOT NULL
            THEN pg_catalog.citus_create_restore_point({TableName.Literal(name)}) END FROM before
        """;

    /// <summary>In a transaction of its own: that of the point holds up commits.</summary>
    private static string Complete(string name) => $"""
        UPDATE woodgrove.restore_point p SET nodes = (SELECT pg_catalog.jsonb_agg(n || pg_catalog.jsonb_build_object('maximum_lsn',
            CASE WHEN r.success THEN r.result END) ORDER BY (n ->> 'group_id')::int) FROM pg_catalog.jsonb_array_elements(p.nodes) n
            LEFT JOIN {Positions} ON r.nodeid = (n ->> 'node_id')::int) WHERE p.name = {TableName.Literal(name)}
        """;

    private static bool IsOfAllNodes(CitusConnection connection) =>
        Version.TryParse(connection.CitusVersion, out Version? version) && version.Major >= 14;
}
