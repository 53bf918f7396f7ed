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

    /// <param name="withKeys">False lets rows with the same key pass.</param>
    public static async Task CreateAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop, bool withKeys = true)
    {
        await using var create = new NpgsqlCommand($"""
            CREATE TEMP TABLE {Table} (LIKE {table.Name.Sql} INCLUDING ALL{(withKeys ? "" : " EXCLUDING INDEXES")}) ON COMMIT DROP;
            ALTER TABLE {Table} ADD COLUMN woodgrove_row bigint GENERATED ALWAYS AS IDENTITY
            """, session);
        await create.ExecuteNonQueryAsync(stop);
    }

    public static string CopyCommand(CopyTarget target) => target.CopyInto($"pg_temp.{Table}");

    /// <summary>Moves what the rehearsal took into the real table, as one statement.</summary>
    /// <returns>How many rows were inserted or updated.</returns>
    public static async Task<long> PerformAsync(NpgsqlConnection session, CopyTarget target, ConflictRule? rule, CancellationToken stop)
    {
        string into = target.Table.Name.Sql, from = $"pg_temp.{Table}";
        // Of rows that the coordinator sends, Citus counts those that gave way too; what is returned tells the truth.
        await using var insert = new NpgsqlCommand(
            rule is null ? $"INSERT INTO {into} ({target.ColumnList}) SELECT {target.ColumnList} FROM {from}" : $"{rule.Insert(target, into, from)} RETURNING 1", session);
        if (rule is null) return await insert.ExecuteNonQueryAsync(stop);
        long moved = 0;
        await using NpgsqlDataReader rows = await insert.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop)) moved++;
        return moved;
    }
}
