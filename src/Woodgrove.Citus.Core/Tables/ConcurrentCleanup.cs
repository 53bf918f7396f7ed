using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Tables;

/// <summary>Takes away what a failed create_distributed_table_concurrently left, and says what is there now.</summary>
internal sealed class ConcurrentCleanup(CitusConnection connection, TableInfo table)
{
    /// <summary>To take a larger table out of the metadata would block its writers for long: it is copied for that.</summary>
    private const long LargestToCopy = 256L << 20;

    /// <summary>The table was created for this.</summary>
    public bool IsNew { get; init; }

    /// <summary>It was in Citus's metadata before, as a local table.</summary>
    public bool WasKnown { get; init; }

    public static async Task<bool> IsKnownAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop) =>
        // By name: to take a table into its metadata, Citus makes a new one of that name and the old one its shard.
        await session.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid::oid = "
            + "pg_catalog.to_regclass($1)::oid)", stop, table.Name.Sql);

    /// <returns>What is there now, in sentences, and what to do first, where that is known.</returns>
    public async Task<(string State, string? Advice)> RunAsync()
    {
        // Also after Ctrl+C, but not for ever.
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            await using NpgsqlConnection session = await connection.OpenSessionAsync(limit.Token);
            string state = IsNew ? await DropAsync(session, limit.Token) : await ForgetAsync(session, limit.Token);
            await session.ExecuteAsync("CALL pg_catalog.citus_cleanup_orphaned_resources()", limit.Token);
            return (state, await OutputPlugins.AdviceAsync(session, limit.Token));
        }
        catch (Exception e) when (e is NpgsqlException or CitusException or OperationCanceledException)
        {
            return (TableErrors.NotCleaned(table, e), null);
        }
    }

    private async Task<string> DropAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await session.ExecuteAsync($"DROP TABLE IF EXISTS {table.Name.Sql}", stop);
        return $"{table.Display}, which had been created for this, is dropped again.";
    }

    private async Task<string> ForgetAsync(NpgsqlConnection session, CancellationToken stop)
    {
        if (WasKnown || !await IsKnownAsync(session, table, stop))
            return $"{table.Display} has all its rows and is a local table, as before.";
        string known = $"{table.Display} has all its rows and is a local table, but one that Citus has in its metadata now; "
            + $"the command can be run again. {TableAdvice.ToLocal(table.Display)} takes it out";
        if (await session.ScalarAsync<long>("SELECT pg_catalog.citus_table_size($1::text::regclass)", stop, table.Name.Sql) > LargestToCopy)
            return $"{known}, for which it is copied while writers wait.";
        try
        {
            await session.ExecuteAsync("SET lock_timeout = '5s'", stop);
            await session.ExecuteAsync("SELECT pg_catalog.undistribute_table($1::text::regclass)", stop, table.Name.Sql);
            return $"{table.Display} has all its rows and is a local table, as before.";
        }
        catch (PostgresException e)
        {
            return $"{known} ({e.MessageText.TrimEnd('.')}).";
        }
    }
}
