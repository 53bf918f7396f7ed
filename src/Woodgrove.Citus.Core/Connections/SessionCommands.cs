using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>Statements in a session.</summary>
internal static class SessionCommands
{
    /// <summary>Runs SQL that takes no parameters, and whose rows nobody reads.</summary>
    public static async Task ExecuteAsync(this NpgsqlConnection session, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(stop);
    }
}
