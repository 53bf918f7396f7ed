using System.Text.Json;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv.Sources;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// What a load shows of itself while it runs, whether or not it is in the ledger: one of its sessions on the coordinator has
/// the import's id in <c>application_name</c>, and what is loaded in the comment of its latest statement.
/// </summary>
internal sealed record RunningLoad(string Table, string Source, string Route)
{
    private const string Prefix = "woodgrove_import ";

    /// <summary>Marks the session, which is to stay open and idle for as long as the load runs.</summary>
    public async Task ShowAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        string told = JsonSerializer.Serialize(this with { Source = CsvSource.WithoutSecrets(Source) });
        await session.ExecuteAsync($"SELECT pg_catalog.set_config('application_name', '{Prefix}{importId}', "
            + $"false) -- {told}", stop);
    }

    /// <summary>Takes the mark off: the pool would do it only when the session is next used.</summary>
    public static Task HideAsync(NpgsqlConnection session) => CitusConnection.TidyAsync(session, "RESET application_name");

    /// <summary>The loads that run, or just one. What another role loads is hidden from those who may not read its statements.</summary>
    public static async Task<IReadOnlyList<CitusImport>> ListAsync(NpgsqlConnection coordinator, Guid? importId, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT pg_catalog.substr(application_name, {Prefix.Length + 1}), query, usename::text, query_start
                FROM pg_catalog.pg_stat_activity
            WHERE datname = pg_catalog.current_database() AND pg_catalog.starts_with(application_name, '{Prefix}') ORDER BY query_start DESC
            """, coordinator);
        var loads = new List<CitusImport>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            if (!Guid.TryParse(row.GetString(0), out Guid id) || (importId is { } asked && asked != id)) continue;
            RunningLoad load = Read(row.GetString(1));
            loads.Add(new CitusImport(id, load.Table, load.Source, ImportState.Running, 0, 0, 0, 0, load.Route,
                await row.IsDBNullAsync(2, stop) ? "" : row.GetString(2), null, null)
            {
                StartedAt = await row.IsDBNullAsync(3, stop) ? null : row.GetDateTime(3),
            });
        }
        return loads;
    }

    private static RunningLoad Read(string query)
    {
        try
        {
            if (query.Split(" -- ", 2) is [_, var told] && JsonSerializer.Deserialize<RunningLoad>(told) is { } load) return load;
        }
        catch (JsonException)
        {
            // Cut to track_activity_query_size, or not of a load's making.
        }
        return new RunningLoad("(not shown)", "(not shown)", "");
    }
}
