using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Activity;

/// <summary>A statement with what it has cost since the figures were reset: <c>pg_stat_statements</c>, and what Citus adds.</summary>
/// <param name="Query">The statement with $1, $2 … in place of its values; null where the server has lost its text.</param>
/// <param name="TotalTime">Of all its runs.</param>
/// <param name="Rows">That it returned or changed, in all its runs.</param>
/// <param name="Executor">How Citus ran it (adaptive, router, insert-select …); null where Citus does not count, or had no part in
/// it.</param>
/// <param name="DistributionValues">The values that sent it to one shard, the most frequent first.</param>
public sealed record CitusStatement(
    string? Query, long QueryId, string UserName, long Calls, long Rows, TimeSpan TotalTime, TimeSpan MeanTime, TimeSpan MaxTime,
    long SharedBlocksHit, long SharedBlocksRead, long TempBlocksWritten, string? Executor, Listing<string> DistributionValues)
{
    private const string Preload = "Load the library on the coordinator with shared_preload_libraries = 'citus, "
        + "pg_stat_statements' and a restart, then run CREATE EXTENSION pg_stat_statements.";

    /// <summary>The statements of this database on the node that the connection leads to, the most expensive first.</summary>
    /// <param name="warn">Receives what could not be seen, and what would change that.</param>
    /// <exception cref="CitusException">The server does not count statements; the message says how to make it.</exception>
    public static async Task<IReadOnlyList<CitusStatement>> ListAsync(CitusConnection connection, Action<string> explain,
        Action<string> warn, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        Counting counting = await Counting.ReadAsync(session, stop);
        if (counting.Schema is null)
        {
            throw ActivityErrors.NotCounted(connection, "the extension pg_stat_statements is not installed",
                counting.IsLoaded ? "Its library is loaded: run CREATE EXTENSION pg_stat_statements." : Preload);
        }
        if (!counting.IsLoaded) throw ActivityErrors.NotCounted(connection, "the library of pg_stat_statements is not loaded", Preload);

        bool citus = connection.IsCitus && counting.Track is "all";
        if (connection.IsCitus && !citus)
        {
            explain("Executor and DistributionValues are empty, because citus.stat_statements_track is none. "
                + "A superuser switches it on: ALTER SYSTEM SET citus.stat_statements_track = 'all'; SELECT pg_reload_conf();");
        }
        (List<CitusStatement> found, int hidden) = await ReadAsync(session, TableName.Quote(counting.Schema), citus, stop);
        if (hidden > 0)
        {
            warn($"{hidden} statement(s) of other users are left out: {connection.UserName} may not see them. "
                + $"GRANT pg_read_all_stats TO {TableName.QuoteIfNeeded(connection.UserName)} lets it.");
        }
        return found;
    }

    private static async Task<(List<CitusStatement> Found, int Hidden)> ReadAsync(NpgsqlConnection session, string schema, bool citus,
        CancellationToken stop)
    {
        // citus_query_stats gives another user's statements to no plain role, as pg_stat_statements does.
        string counted = citus
            ? "(SELECT queryid, userid, dbid, pg_catalog.citus_executor_name(executor::int), partition_key, "
                + "calls FROM pg_catalog.citus_query_stats())"
            : "(SELECT NULL::bigint, NULL::oid, NULL::oid, NULL::text, NULL::text, NULL::bigint WHERE false)";
        await using var command = new NpgsqlCommand($"""
            SELECT s.query, s.queryid, pg_catalog.pg_get_userbyid(s.userid), sum(s.calls)::bigint, sum(s.rows)::bigint,
                sum(s.total_exec_time), max(s.max_exec_time),
                   sum(s.shared_blks_hit)::bigint, sum(s.shared_blks_read)::bigint, sum(s.temp_blks_written)::bigint,
                   (SELECT pg_catalog.string_agg(DISTINCT c.executor, ', ') FROM {counted} c (queryid, userid, dbid, executor, value, calls)
                    WHERE c.queryid = s.queryid AND c.userid = s.userid AND c.dbid = s.dbid),
                   (SELECT pg_catalog.array_agg(c.value ORDER BY c.calls DESC, c.value)
                       FROM {counted} c (queryid, userid, dbid, executor, value, calls)
                    WHERE c.queryid = s.queryid AND c.userid = s.userid AND c.dbid = s.dbid AND c.value IS NOT NULL)
            FROM {schema}.pg_stat_statements s
            WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            GROUP BY s.query, s.queryid, s.userid, s.dbid ORDER BY 6 DESC
            """, session);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var found = new List<CitusStatement>();
        int hidden = 0;
        while (await row.ReadAsync(stop))
        {
            // Of another user's statement a plain role gets the figures, but neither id nor text.
            if (await row.IsDBNullAsync(1, stop))
            {
                hidden++;
                continue;
            }
            long calls = row.GetInt64(3);
            var total = TimeSpan.FromMilliseconds(row.GetDouble(5));
            found.Add(new CitusStatement(await row.IsDBNullAsync(0, stop) ? null : row.GetString(0), row.GetInt64(1), row.GetString(2),
                calls, row.GetInt64(4),
                total, calls == 0 ? TimeSpan.Zero : total / calls, TimeSpan.FromMilliseconds(row.GetDouble(6)),
                row.GetInt64(7), row.GetInt64(8), row.GetInt64(9),
                await row.IsDBNullAsync(10, stop) ? null : row.GetString(10),
                await row.IsDBNullAsync(11, stop) ? [] : row.GetFieldValue<string[]>(11)));
        }
        return (found, hidden);
    }

    /// <param name="Schema">Of the extension, or null where it is not installed.</param>
    /// <param name="Track">citus.stat_statements_track, or null where there is no Citus.</param>
    private sealed record Counting(string? Schema, bool IsLoaded, string? Track)
    {
        public static async Task<Counting> ReadAsync(NpgsqlConnection session, CancellationToken stop)
        {
            // A plain role may not read shared_preload_libraries, but sees the parameter that only the loaded library has.
            return (await session.FirstAsync("""
                SELECT (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                    WHERE e.extname = 'pg_stat_statements'),
                       EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'pg_stat_statements.max'),
                       pg_catalog.current_setting('citus.stat_statements_track', true)
                """, row => new Counting(row.TextOrNull(0), row.GetBoolean(1), row.TextOrNull(2)), stop))!;
        }
    }
}
