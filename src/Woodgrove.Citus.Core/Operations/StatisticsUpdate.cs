using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations;

/// <summary>Plans to analyze the shards of tables, and finds which need it.</summary>
/// <param name="warn">Receives nodes that could not be asked, and tables that are left out.</param>
public sealed class StatisticsUpdate(CitusConnection connection, Action<string> warn)
{
    /// <summary>
    /// The names of the tables of these schemas, or of all that have missing or stale statistics and that the role may
    /// analyze.
    /// </summary>
    /// <exception cref="Errors.CitusException">There is no such schema.</exception>
    public async Task<IReadOnlyList<string>> FindAsync(IReadOnlyList<string> schemas, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        foreach (string schema in schemas)
        {
            if (!await session.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)", stop, schema))
                throw StatisticsErrors.NoSchema(schema);
        }
        List<Candidate> tables = await session.ListAsync($"""
            SELECT c.oid, {SearchPath.Show("c.oid")}, {May}, (SELECT i.inhparent FROM pg_catalog.pg_inherits i
                WHERE i.inhrelid = c.oid AND c.relispartition)
            FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE {ModuleSchema.IsNotOf("c.oid")} AND ($1::text[] = '{"{}"}' OR n.nspname = ANY ($1)) ORDER BY 2
            """, row => new Candidate(row.GetFieldValue<uint>(0), row.GetString(1), row.GetBoolean(2),
                row.IsDBNull(3) ? null : row.GetFieldValue<uint>(3)), stop, schemas.ToArray());
        if (schemas.Count == 0)
        {
            IReadOnlyList<TableStatistics> all = await TableStatistics.ReadAsync(connection, session,
                [.. tables.Select(t => (t.Oid, t.Name))], warn, stop);
            HashSet<string> outdated = [.. all.Where(t => t.MissingShards > 0 || t.StaleShards > 0).Select(t => t.Table)];
            tables.RemoveAll(t => !outdated.Contains(t.Name));
        }
        // A partitioned table's partitions are analyzed with it.
        HashSet<uint> chosen = [.. tables.Select(t => t.Oid)];
        tables.RemoveAll(t => t.Parent is { } parent && chosen.Contains(parent));
        string[] denied = [.. tables.Where(t => !t.May).Select(t => t.Name)];
        if (denied.Length > 0) warn($"Left out, because {connection.UserName} is not their owner: {string.Join(", ", denied)}.");
        return [.. tables.Where(t => t.May).Select(t => t.Name)];
    }

    /// <exception cref="Errors.CitusException">There is no such table of Citus, or the role may not analyze it, of which the
    /// server would only warn.</exception>
    public async Task<ClusterChange> PlanAsync(string name, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        TableInfo table = await FindTableAsync(session, name, stop);
        (bool may, string owner) = await session.FirstAsync($"SELECT {May}, pg_catalog.pg_get_userbyid(c.relowner)::text "
            + "FROM pg_catalog.pg_class c WHERE c.oid = $1::oid", row => (row.GetBoolean(0), row.GetString(1)), stop, table.Oid);
        if (!may) throw StatisticsErrors.NoRight(connection, table.Display, owner);
        return new ClusterChange
        {
            Action = $"Analyze the shards of {table.Display}",
            Target = table.Display,
            Sql = [$"ANALYZE {table.Name}"],
            Locks = ["Readers and writers go on. VACUUM, and DDL on the table, wait (SHARE UPDATE EXCLUSIVE lock on each shard)."],
        };
    }

    /// <summary>What statistics a table has.</summary>
    public async Task<TableStatistics> ReadAsync(string name, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        TableInfo table = await FindTableAsync(session, name, stop);
        return (await TableStatistics.ReadAsync(connection, session, [(table.Oid, table.Display)], warn, stop))[0];
    }

    private async Task<TableInfo> FindTableAsync(NpgsqlConnection session, string name, CancellationToken stop) =>
        (await ClusterMetadata.FindAsync(connection, session, [name], stop))[0];

    /// <summary>SQL that is true of a table c that the role may analyze.</summary>
    private string May => "(pg_catalog.pg_has_role(c.relowner, 'USAGE') OR (SELECT pg_catalog.pg_has_role(d.datdba, 'USAGE') "
        + "FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"
        + (connection.ServerVersion.Major >= 17 ? " OR pg_catalog.has_table_privilege(c.oid, 'MAINTAIN'))" : ")");

    private sealed record Candidate(uint Oid, string Name, bool May, uint? Parent);
}
