using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Merge;

/// <summary>How rows of one table become rows of another that may have their keys already.</summary>
/// <param name="Key">The columns of the unique constraint that decides, quoted.</param>
/// <param name="Distinct">Those of them with NULLs that are equal to nothing, quoted.</param>
/// <param name="Always">The table's columns that are GENERATED ALWAYS AS IDENTITY, which no UPDATE may set, quoted.</param>
internal sealed record ConflictRule(ConflictAction Action, IReadOnlyList<string> Key, IReadOnlyList<string> Distinct,
    IReadOnlyList<string> Always)
{
    /// <param name="asked">The key's columns as the user named them; null takes the primary key, or the only unique constraint.</param>
    /// <exception cref="CitusException">The table has no such key.</exception>
    public static async Task<ConflictRule> FindAsync(
        NpgsqlConnection session, TableInfo table, ConflictAction action, IReadOnlyList<string>? asked, CancellationToken stop)
    {
        List<(bool IsPrimary, string[] Columns, string[] Distinct)> keys = await KeysAsync(session, table, stop);
        string known = keys.Count == 0 ? "It has no unique key; add one that holds the distribution column."
            : $"It has {string.Join(" and ", keys.Select(k => $"({string.Join(", ", k.Columns)})"))}.";
        if (asked is { Count: > 0 })
        {
            string[] names = asked.Select(a => table.FindColumn(a)?.Name ?? a).Order(StringComparer.Ordinal).ToArray();
            if (keys.FirstOrDefault(k => k.Columns.Order(StringComparer.Ordinal).SequenceEqual(names)) is { Columns: not null } found)
                return await RuleAsync(found);
            throw MergeErrors.NoKey(table, action, $"{table.Display} has no unique constraint on exactly ({string.Join(", ", asked)})",
                known);
        }
        return keys.Find(k => k.IsPrimary) is { Columns: not null } primary ? await RuleAsync(primary)
            : keys.Count == 1 ? await RuleAsync(keys[0]) : throw MergeErrors.KeyNotClear(table, action, known);

        async Task<ConflictRule> RuleAsync((bool, string[] Columns, string[] Distinct) key)
        {
            List<string> always = await session.ListAsync("SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = $1::oid "
                + "AND attidentity = 'a' AND NOT attisdropped", row => row.GetString(0), stop, table.Oid);
            return new ConflictRule(action, Quoted(key.Columns), Quoted(key.Distinct), Quoted(always));
        }

        static string[] Quoted(IEnumerable<string> columns) => [.. columns.Select(TableName.Quote)];
    }

    /// <summary>
    /// The one statement that moves the rows: of those with the same key the last one counts.
    /// </summary>
    /// <param name="order">What tells the order in which the rows came.</param>
    /// <param name="pushedDown">The rows lie in the shards beside the target's. Of those that the coordinator sends, Citus counts those
    /// that gave way too.</param>
    /// <returns>How many rows were inserted or updated.</returns>
    /// <param name="among">Which of the rows, as a condition; null moves all.</param>
    public async Task<long> MoveAsync(NpgsqlConnection session, CopyTarget rows, string into, string from, string order, bool pushedDown,
        CancellationToken stop, string? among = null)
    {
        if (among is not null) from += $" WHERE {among}";
        await using var insert = new NpgsqlCommand(Insert(rows, into, from, order), session) { CommandTimeout = 0 };
        if (pushedDown) return await insert.ExecuteNonQueryAsync(stop);
        insert.CommandText += " RETURNING 1";
        long moved = 0;
        await using NpgsqlDataReader returned = await insert.ExecuteReaderAsync(stop);
        while (await returned.ReadAsync(stop)) moved++;
        return moved;
    }

    private string Insert(CopyTarget rows, string into, string from, string order)
    {
        string key = string.Join(", ", Key);
        IEnumerable<string> others = rows.Columns.Select(c => TableName.Quote(c.Name)).Except(Key).Except(Always);
        string action = Action == ConflictAction.Update && others.Any()
            ? $"UPDATE SET {string.Join(", ", others.Select(c => $"{c} = EXCLUDED.{c}"))}" : "NOTHING";
        // DISTINCT takes NULLs for equal, and the constraint does not: such a row is told apart by its place.
        string same = Distinct.Count == 0 ? key
            : $"{key}, CASE WHEN {string.Join(" OR ", Distinct.Select(c => $"{c} IS NULL"))} THEN {order} END";
        order += Action == ConflictAction.Update ? " DESC" : " ASC"; // left out is what comes after
        // As COPY does, the rows set identity columns.
        return $"INSERT INTO {into} ({rows.ColumnList}) OVERRIDING SYSTEM VALUE SELECT {rows.ColumnList} FROM (SELECT DISTINCT ON ({same}) "
            + $"{rows.ColumnList} FROM {from} ORDER BY {same}, {order}) r ON CONFLICT ({key}) DO {action}";
    }

    private static async Task<List<(bool IsPrimary, string[] Columns, string[] Distinct)>> KeysAsync(NpgsqlConnection session,
        TableInfo table, CancellationToken stop)
    {
        // NULLS NOT DISTINCT came with PostgreSQL 15.
        return await session.ListAsync<(bool, string[], string[])>("""
            SELECT i.indisprimary, array_agg(a.attname::text ORDER BY a.attnum), coalesce(array_agg(a.attname::text ORDER BY a.attnum)
                FILTER (WHERE NOT a.attnotnull AND (to_jsonb(i) ->> 'indnullsnotdistinct')::bool IS NOT TRUE), '{}')
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid
                AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
            WHERE i.indrelid = $1::oid AND i.indisunique AND NOT i.indisexclusion AND i.indisvalid AND i.indpred IS NULL
                AND i.indexprs IS NULL
            GROUP BY i.indexrelid, i.indisprimary
            """, row => (row.GetBoolean(0), row.GetFieldValue<string[]>(1), row.GetFieldValue<string[]>(2)), stop, table.Oid);
    }
}
