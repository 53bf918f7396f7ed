using System.Collections;
using System.Text.RegularExpressions;
using Npgsql;
using NpgsqlTypes;

namespace Woodgrove.Citus.Queries;

/// <summary>
/// Writes values into a query's text, for COPY, which takes no parameters. The server itself writes each value as
/// a literal of its type, so that nothing in it can be read as SQL.
/// </summary>
internal static partial class InlineParameters
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
        return Parts().Replace(sql,
            part => part.Groups["name"] is { Success: true, Value: var name } && literals.TryGetValue(name, out string? literal) ? literal
                : part.Value);
    }

    /// <summary>The names that stand as <c>@name</c> in a query, outside strings and comments.</summary>
    public static IEnumerable<string> Names(string sql) =>
        Parts().Matches(sql).Select(m => m.Groups["name"]).Where(n => n.Success).Select(n => n.Value);

    [GeneratedRegex(
        @"(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | ""(?:[^""]|"""")*"" | --[^\n]* | /\*.*?\*/ | \$(?<tag>[A-Za-z_]\w*|)\$.*?\$\k<tag>\$ | (?<![@\w])@(?<name>[A-Za-z_]\w*)",
        RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Parts();
}
