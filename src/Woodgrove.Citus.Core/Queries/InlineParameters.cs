using System.Collections;
using System.Text;
using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Queries;

/// <summary>
/// Writes values into a query's text, for COPY, which takes no parameters. The server itself writes each value as
/// a literal of its type, so that nothing in it can be read as SQL.
/// </summary>
internal static class InlineParameters
{
    /// <summary>The query with a literal for each <c>@name</c> that has a value, outside strings and comments.</summary>
    public static async Task<string> WriteAsync(NpgsqlConnection session, string sql, IDictionary? values, CancellationToken stop)
    {
        var literals = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        await using var command = new NpgsqlCommand { Connection = session };
        QueryArguments.AddParameters(command.Parameters, values);
        foreach (NpgsqlParameter value in command.Parameters)
        {
            // A text stays untyped, so that it takes the type of what it is compared with.
            bool untyped = value.NpgsqlDbType == NpgsqlDbType.Unknown || value.Value is DBNull;
            await using var ask = new NpgsqlCommand(untyped ? "SELECT pg_catalog.quote_nullable($1)"
                : "SELECT pg_catalog.format('(%L::%s)', $1, pg_catalog.pg_typeof($1))", session);
            ask.Parameters.Add(new NpgsqlParameter { Value = value.Value,
                NpgsqlDbType = untyped ? NpgsqlDbType.Text : value.NpgsqlDbType });
            literals[value.ParameterName.TrimStart('@')] = (string)(await ask.ExecuteScalarAsync(stop))!;
        }
        var text = new StringBuilder();
        int written = 0;
        foreach ((int at, string name) in Find(sql))
        {
            if (!literals.TryGetValue(name, out string? literal)) continue;
            text.Append(sql, written, at - written).Append(literal);
            written = at + 1 + name.Length;
        }
        return text.Append(sql, written, sql.Length - written).ToString();
    }

    /// <summary>The names that stand as <c>@name</c> in a query, outside strings and comments.</summary>
    public static IEnumerable<string> Names(string sql) => Find(sql).Select(p => p.Name);

    /// <summary>Where each <c>@</c> stands, with the name behind it. Behind another @ or a name it is part of an operator.</summary>
    private static IEnumerable<(int At, string Name)> Find(string sql)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(sql);
        for (int i = 1; i < tokens.Count; i++)
        {
            (SqlToken mark, SqlToken name) = (tokens[i - 1], tokens[i]);
            if (!mark.Is("@") || name.Kind != SqlTokenKind.Word || name.Start != mark.Start + 1) continue;
            char before = mark.Start > 0 ? sql[mark.Start - 1] : ' ';
            if (before != '@' && before != '_' && !char.IsLetterOrDigit(before))
                yield return (mark.Start, sql.Substring(name.Start, name.Text.Length));
        }
    }
}
