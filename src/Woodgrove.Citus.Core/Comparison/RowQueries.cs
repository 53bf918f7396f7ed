using System.Globalization;

namespace Woodgrove.Citus.Comparison;

/// <summary>The queries that compare rows, each of one scan. Rows are grouped by bits of their hash.</summary>
internal sealed class RowQueries(ComparedColumns columns)
{
    public const int Groups = 1024;

    /// <summary>
    /// What makes equal values equal texts on any server, and a table whose rows are filtered an error. One side may wait for the
    /// other.
    /// </summary>
    public const string Settings = """
        SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = off;
        SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC';
        SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; SET LOCAL xmlbinary = 'base64';
        SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL jit = off
        """;

    /// <summary>Group, rows, both sums, rows that are in the wrong shard.</summary>
    public string Sums(RowPart part) => $"""
        SELECT {Group}, count(*), sum(h1)::text, sum(h2)::text, count(*) FILTER (WHERE m) FROM {Rows(part)} GROUP BY 1
        """;

    /// <summary>The hashes and keys of the rows of some groups.</summary>
    public string Hashes(RowPart part, IEnumerable<int> groups) => $"""
        SELECT h1, h2, k FROM {Rows(part)} WHERE {Group} = ANY ('{"{"}{string.Join(',', groups)}{"}"}'::int[])
        """;

    /// <summary>Rows by their keys or, where there are none, by their hashes, with how often they are there: key, row, count.</summary>
    public string Wanted(RowPart part) => $"""
        SELECT k, r, count(*) FROM {Rows(part)} WHERE {(columns.Key.Count > 0 ? "k = ANY ($1::text[])" : "h1 = ANY ($1::bigint[])")}
        GROUP BY 1, 2
        """;

    /// <summary>Key, or row where there is none, of rows that are in the wrong shard.</summary>
    public string Misplaced(RowPart part, int limit) => string.Create(CultureInfo.InvariantCulture,
        $"SELECT coalesce(k, r) FROM {Rows(part)} WHERE m LIMIT {limit}");

    private static readonly string Group = $"(h1 & {Groups - 1})::int";

    // OFFSET 0 keeps the server from writing the row's text again for each of its uses; Citus would not pass it on.
    private string Rows(RowPart part)
    {
        string once = part.IsPassedOn ? "" : " OFFSET 0";
        return $"""
            (SELECT hashtextextended(r, 1) AS h1, hashtextextended(r, 2) AS h2, r, k, m FROM
                (SELECT {columns.RowSql} AS r, {columns.KeySql} AS k, {part.Misplaced} AS m FROM {part.From.Sql} t{once}) w{once}) x
            """;
    }
}
