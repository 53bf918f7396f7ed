using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Activity;

/// <summary>A distribution value (or a distributed schema) with what its statements cost a node: <c>citus_stat_tenants</c>.</summary>
/// <param name="Tenant">The distribution value as text, or the schema's name.</param>
/// <param name="ColocationId">The group of tables to which the value belongs.</param>
/// <param name="Queries">Reads and writes in the period that runs now.</param>
/// <param name="CpuTime">In the period that runs now.</param>
/// <param name="Period">How long a period is.</param>
public sealed record CitusTenant(
    string Tenant, int ColocationId, string NodeName, int NodePort, int Reads, int Queries, TimeSpan CpuTime,
    int LastReads, int LastQueries, TimeSpan LastCpuTime, TimeSpan Period)
{
    /// <summary>
    /// The values that keep the nodes busiest, the busiest first, as many a node as citus.stat_tenants_limit lets it
    /// count.
    /// </summary>
    /// <param name="warn">Receives which nodes do not count or could not be seen, and what would change that.</param>
    /// <exception cref="CitusException">The role may not see the figures, or this Citus has none.</exception>
    public static async Task<IReadOnlyList<CitusTenant>> ListAsync(CitusConnection connection, Action<string> explain, Action<string> warn,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        TimeSpan period = await PeriodAsync(connection, session, stop);
        // One row a node tells whether it counts, even if it has no tenants.
        IReadOnlyList<NodeAnswer> answers = await NodeAnswer.AskAllAsync(session, """
            SELECT pg_catalog.current_setting('citus.stat_tenants_track') AS track, t.*
            FROM (VALUES (1)) one LEFT JOIN pg_catalog.citus_stat_tenants_local(true) t ON true
            """, stop);
        NodeAnswer.Report(answers, connection.UserName, warn);

        List<NodeAnswer> off = [.. answers.Where(a => a.Rows.Any(r => r.GetProperty("track").GetString() == "none"))];
        if (off.Count > 0)
        {
            warn($"Not counted on {string.Join(", ", off.Select(n => $"{n.NodeName}:{n.NodePort}"))}: citus.stat_tenants_track is none. "
                + "A superuser switches it on: "
                + "SELECT run_command_on_all_nodes('ALTER SYSTEM SET citus.stat_tenants_track = ''all'''); "
                + "SELECT run_command_on_all_nodes('SELECT pg_reload_conf()');");
        }
        explain($"Periods are {period.TotalSeconds:0} seconds long (citus.stat_tenants_period), "
            + "and figures are kept for the running one and the one before.");
        return [.. answers.SelectMany(a => a.Rows.Where(r => r.GetProperty("tenant_attribute").GetString() is not null)
                .Select(r => (Score: r.GetProperty("score").GetInt64(), Tenant: new CitusTenant(
                    r.GetProperty("tenant_attribute").GetString()!, r.GetProperty("colocation_id").GetInt32(), a.NodeName, a.NodePort,
                    r.GetProperty("read_count_in_this_period").GetInt32(), r.GetProperty("query_count_in_this_period").GetInt32(),
                    TimeSpan.FromSeconds(r.GetProperty("cpu_usage_in_this_period").GetDouble()),
                    r.GetProperty("read_count_in_last_period").GetInt32(), r.GetProperty("query_count_in_last_period").GetInt32(),
                    TimeSpan.FromSeconds(r.GetProperty("cpu_usage_in_last_period").GetDouble()), period))))
            .OrderByDescending(t => t.Score).Select(t => t.Tenant)];
    }

    private static async Task<TimeSpan> PeriodAsync(CitusConnection connection, NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('pg_catalog.citus_stat_tenants_local(boolean)'), 'EXECUTE'),
                   pg_catalog.current_setting('citus.stat_tenants_period', true)::int
            """, session);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        if (await row.IsDBNullAsync(0, stop)) throw ActivityErrors.NoTenantFigures(connection);
        if (!row.GetBoolean(0)) throw ActivityErrors.TenantsDenied(connection);
        return TimeSpan.FromSeconds(row.GetInt32(1));
    }
}
