using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>What a server says that it is.</summary>
/// <param name="CitusVersion">Null where the database has no Citus.</param>
internal sealed record ServerFacts(string Database, string UserName, Version ServerVersion, string? CitusVersion, string Engine)
{
    public const string CitusName = "Citus";
    private const string StandInName = "Citus stand-in";

    public static async Task<ServerFacts> ReadAsync(NpgsqlConnection session, CancellationToken stop)
    {
        // citus_version() exists where the extension, or the sandbox's stand-in for it, does.
        await using var command = new NpgsqlCommand("""
            SELECT pg_catalog.current_database(), current_user::text, pg_catalog.to_regproc('pg_catalog.citus_version') IS NOT NULL
            """, session);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        (string database, string user, bool hasCitus) = (row.GetString(0), row.GetString(1), row.GetBoolean(2));
        await row.DisposeAsync();
        if (!hasCitus) return new ServerFacts(database, user, session.PostgreSqlVersion, null, "PostgreSQL");

        command.CommandText = "SELECT pg_catalog.citus_version()";
        string text = (string)(await command.ExecuteScalarAsync(stop))!;
        string engine = text.StartsWith(StandInName, StringComparison.Ordinal) ? StandInName : CitusName;
        return new ServerFacts(database, user, session.PostgreSqlVersion, text[engine.Length..].TrimStart().Split(' ', 2)[0], engine);
    }
}
