using System.Text.Json;

namespace Woodgrove.Citus.Validation;

/// <summary>A query whose rows a check wants.</summary>
internal abstract class Question(Ask of, string sql)
{
    public Ask Of => of;

    /// <summary>
    /// The query as one value, an array of JSON objects, so that an answer can also come by way of the coordinator.
    /// Rows of a node's own facts begin with its name, as <c>node</c>.
    /// </summary>
    public string ToSql(string node) => of == Ask.Cluster
        ? $"SELECT coalesce(pg_catalog.json_agg(q), '[]')::text FROM (\n{sql}\n) q"
        : $"SELECT coalesce(pg_catalog.json_agg(a), '[]')::text FROM (SELECT '{node.Replace("'", "''", StringComparison.Ordinal)}' AS "
            + $"node, q.* FROM (\n{sql}\n) q) a";

    public abstract IEnumerable<object> Read(string json);
}

/// <param name="sql">Its columns are the row's properties, in snake case.</param>
internal sealed class Question<TRow>(Ask of, string sql) : Question(of, sql)
    where TRow : class
{
    private static readonly JsonSerializerOptions Snakes = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public override IEnumerable<object> Read(string json) =>
        JsonSerializer.Deserialize<TRow[]>(json, Snakes) ?? throw new JsonException("It is empty.");
}
