using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Activity;

/// <summary>
/// What is behind Citus's "cannot get the size because of a connection error" (08006): Citus says so too where the node
/// answered, and lacks a shard's table, or the role a right.
/// </summary>
internal static class NodeRefusal
{
    private const string Missing = """
        SELECT x.name FROM pg_catalog.pg_dist_placement l
        JOIN pg_catalog.pg_dist_local_group g ON g.groupid = l.groupid
        JOIN pg_catalog.pg_dist_shard s ON s.shardid = l.shardid
        JOIN pg_catalog.pg_class t ON t.oid = s.logicalrelid
        CROSS JOIN LATERAL (SELECT pg_catalog.shard_name(s.logicalrelid, s.shardid) AS name) x
        CROSS JOIN LATERAL (SELECT pg_catalog.parse_ident(x.name) AS parts) y
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = t.relnamespace
            AND c.relname = y.parts[pg_catalog.cardinality(y.parts)])
        ORDER BY s.shardid LIMIT 10
        """;

    /// <summary>Says what is wrong, as far as that is found.</summary>
    /// <returns>The server's own words where nothing is found, or where the error is another.</returns>
    public static async Task<string> ReasonAsync(NpgsqlConnection session, PostgresException failure, CancellationToken stop)
    {
        string said = PostgresErrors.Text(failure);
        if (failure.SqlState != PostgresErrorCodes.ConnectionFailure || failure.InvariantSeverity != "ERROR") return said;
        try
        {
            return await FindAsync(session, stop) is { } found ? $"{found} (Citus calls it a connection error, SQLSTATE 08006)" : said;
        }
        catch (PostgresException)
        {
            return said;
        }
    }

    private static async Task<string?> FindAsync(NpgsqlConnection session, CancellationToken stop)
    {
        // Where shards are hidden, they are missing in pg_class too.
        await session.ExecuteAsync("SELECT pg_catalog.set_config('citus.override_table_visibility', 'off', false)", stop);
        // A node that gives no answer is reason enough, whatever the role lacks.
        IReadOnlyList<NodeAnswer> nodes = await NodeAnswer.AskAllAsync(session, Missing, stop);
        if (nodes.FirstOrDefault(n => n.Failure is not null) is { } silent)
            return $"{silent.NodeName}:{silent.NodePort} gave no answer to {session.UserName} ({silent.Failure!.Trim().TrimEnd('.')})";
        if (await session.ScalarAsync<string>("""
            SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(n.nspname), ', ') FROM pg_catalog.pg_dist_partition p
            JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            """, stop) is { } schemas)
            return $"{session.UserName} lacks USAGE on schema {schemas}, without which the nodes find no shard there: "
                + $"GRANT USAGE ON SCHEMA {schemas} TO {TableName.Quote(session.UserName!)}";
        return nodes.FirstOrDefault(n => n.Rows.Count > 0) is not { } bare ? null
            : $"{bare.NodeName}:{bare.NodePort} lacks the tables of shards: "
                + $"{string.Join(", ", bare.Rows.Select(r => r.GetProperty("name").GetString()))}";
    }
}
