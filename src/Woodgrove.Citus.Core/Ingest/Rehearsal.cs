using Npgsql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>
/// A temporary table with the columns and constraints of a real one, on the coordinator: what it refuses, a worker
/// would refuse, but with a line and a true SQLSTATE. It lasts as long as the transaction.
/// </summary>
internal static class Rehearsal
{
    public const string Table = "woodgrove_rehearsal";

    public static async Task CreateAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        await using var create = new NpgsqlCommand($"""
            CREATE TEMP TABLE {Table} (LIKE {table.Name.Sql} INCLUDING ALL) ON COMMIT DROP;
            ALTER TABLE {Table} ADD COLUMN woodgrove_row bigint GENERATED ALWAYS AS IDENTITY
            """, session);
        await create.ExecuteNonQueryAsync(stop);
    }

    public static string CopyCommand(CopyTarget target) => target.CopyInto($"pg_temp.{Table}");

    /// <summary>Moves what the rehearsal took into the real table, as one statement.</summary>
    public static async Task PerformAsync(NpgsqlConnection session, CopyTarget target, CancellationToken stop)
    {
        await using var insert = new NpgsqlCommand($"INSERT INTO {target.Table.Name.Sql} ({target.ColumnList}) SELECT {target.ColumnList} FROM pg_temp.{Table}", session);
        await insert.ExecuteNonQueryAsync(stop);
    }
}
