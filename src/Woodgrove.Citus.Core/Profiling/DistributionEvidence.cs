using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Profiling;

/// <summary>
/// Asks the catalogs what speaks for and against a table's columns: keys, foreign keys, like columns elsewhere, recent
/// statements.
/// </summary>
internal static partial class DistributionEvidence
{
    /// <param name="citus">Whether the database has Citus's catalogs.</param>
    public static async Task<Dictionary<string, ColumnEvidence>> ReadAsync(NpgsqlConnection session, TableInfo table, bool citus,
        Action<string>? explain, CancellationToken stop)
    {
        Dictionary<string, ColumnEvidence> columns = await ReadColumnsAsync(session, table, stop);
        await ReadRelatedAsync(session, table, citus, columns, stop);
        await ReadUsesAsync(session, table, columns, explain, stop);
        return columns;
    }

    private static async Task<Dictionary<string, ColumnEvidence>> ReadColumnsAsync(NpgsqlConnection session, TableInfo table,
        CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid,
                   t.typtype = 'e' OR EXISTS (SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
                       AND m.amname = 'hash'
                     WHERE o.opcdefault AND (o.opcintype = b.oid
                         OR EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castsource = b.oid AND c.casttarget = o.opcintype
                             AND c.castmethod = 'b' AND c.castcontext = 'i'))),
                   (SELECT bool_and(a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])) FROM pg_catalog.pg_index x
                       WHERE x.indrelid = a.attrelid AND x.indisunique)
            FROM pg_catalog.pg_attribute a
            JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
            JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
            WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
            """, session) { Parameters = { new() { Value = (long)table.Oid } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var columns = new Dictionary<string, ColumnEvidence>();
        while (await row.ReadAsync(stop))
        {
            columns[row.GetString(0)] = new ColumnEvidence(row.GetString(0), row.GetString(1), row.GetFieldValue<uint>(2),
                row.GetBoolean(3),
                await row.IsDBNullAsync(4, stop) || row.GetBoolean(4));
        }
        return columns;
    }

    private static async Task ReadRelatedAsync(NpgsqlConnection session, TableInfo table, bool citus,
        Dictionary<string, ColumnEvidence> columns, CancellationToken stop)
    {
        (string byIt, string isReference, string join) = !citus ? ("false", "false", "") : (
            "coalesce(p.partkey IS NOT NULL AND b.attname = pg_catalog.column_to_column_name(p.logicalrelid, p.partkey), false)",
            "coalesce(p.partmethod = 'n' AND p.repmodel = 't', false)",
            "LEFT JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = c.oid");
        await using var command = new NpgsqlCommand($"""
            SELECT a.attname, {SearchPath.Show("b.attrelid")}, n.nspname, c.relname,
                   {byIt},
                   EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = b.attrelid AND x.indisprimary AND x.indnkeyatts = 1
                       AND x.indkey[0] = b.attnum),
                   {isReference},
                   EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'f'
                     AND ((k.conrelid = a.attrelid AND k.confrelid = b.attrelid AND a.attnum = ANY (k.conkey))
                         OR (k.conrelid = b.attrelid AND k.confrelid = a.attrelid AND a.attnum = ANY (k.confkey)))),
                   c.relnamespace = (SELECT o.relnamespace FROM pg_catalog.pg_class o WHERE o.oid = a.attrelid),
                   -- The policies of tables that nobody named are not run: they may call anything of their owner's.
                   pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                       AND NOT pg_catalog.row_security_active(c.oid)
            FROM pg_catalog.pg_attribute a
            JOIN pg_catalog.pg_attribute b ON b.attname = a.attname AND b.atttypid = a.atttypid AND b.attrelid <> a.attrelid
                AND b.attnum > 0 AND NOT b.attisdropped
            JOIN pg_catalog.pg_class c ON c.oid = b.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_'
                AND n.nspname NOT IN ('information_schema', 'citus', 'citus_internal', 'columnar', 'columnar_internal')
            {join}
            WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY 9 DESC, 2
            """, session) { Parameters = { new() { Value = (long)table.Oid } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            if (columns.TryGetValue(row.GetString(0), out ColumnEvidence? column))
                column.Related.Add(new RelatedTable(row.GetString(1), new TableName(row.GetString(2), row.GetString(3)), row.GetBoolean(4),
                    row.GetBoolean(5), row.GetBoolean(6), row.GetBoolean(7), row.GetBoolean(7) || row.GetBoolean(8), row.GetBoolean(9)));
        }
    }

    private static async Task ReadUsesAsync(NpgsqlConnection session, TableInfo table, Dictionary<string, ColumnEvidence> columns,
        Action<string>? explain, CancellationToken stop)
    {
        try
        {
            if (await session.ScalarAsync<string>("""
                -- The extension's own view: any user may make one of that name.
                SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                    WHERE e.extname = 'pg_stat_statements'
                """, stop) is not { } schema)
            {
                explain?.Invoke("pg_stat_statements is not installed, so what queries filter and join by is not known.");
                return;
            }
            var statements = await session.ListAsync($"""
                SELECT s.query, s.calls FROM {new TableName(schema, "pg_stat_statements").Sql} s
                    JOIN pg_catalog.pg_database d ON d.oid = s.dbid
                WHERE d.datname = pg_catalog.current_database() AND pg_catalog.strpos(pg_catalog.lower(s.query), pg_catalog.lower($1)) > 0
                    ORDER BY s.calls DESC LIMIT 1000
                """, row => (Query: row.GetString(0), Calls: row.GetInt64(1)), stop, table.Name.Name);
            foreach (ColumnEvidence column in columns.Values)
            {
                column.Uses = statements.Where(s => NamesTable(s.Query, table.Name.Name) && UsesColumn(s.Query, column.Name))
                    .Sum(s => s.Calls);
            }
        }
        catch (PostgresException e)
        {
            foreach (ColumnEvidence column in columns.Values) column.Uses = null;
            explain?.Invoke($"pg_stat_statements could not be read: {e.MessageText}");
        }
    }

    /// <summary>Whether a statement names the table, not just one whose name begins or ends alike.</summary>
    internal static bool NamesTable(string query, string table) =>
        Regex.IsMatch(query, $@"(?<![\w$]){Regex.Escape(table)}(?![\w$])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);

    /// <summary>Whether a statement compares the column for equality: with a value, a list, or another column.</summary>
    internal static bool UsesColumn(string query, string column)
    {
        string name = $"(?<![\\w\"])(?:[\\w\"]+\\.)?\"?{Regex.Escape(column)}\"?(?![\\w\"])";
        Match conditions = Conditions().Match(query);
        return conditions.Success
            && Regex.IsMatch(query[conditions.Index..], $@"{name}\s*(=|in\s*\()|=\s*{name}|using\s*\([^)]*{name}",
                RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
    }

    [GeneratedRegex(@"\b(where|on|using)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Conditions();
}
