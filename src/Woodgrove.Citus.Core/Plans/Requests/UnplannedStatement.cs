using System.Collections;
using Npgsql;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Requests;

/// <summary>Says what to ask for where the text is no query that EXPLAIN takes, or lacks the value of a parameter.</summary>
internal static class UnplannedStatement
{
    /// <summary>Null where the refusal has another cause.</summary>
    public static CitusException? Describe(PlanRequest request, PostgresException refusal)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(request.Sql);
        if (refusal.SqlState == PostgresErrorCodes.SyntaxError && tokens.Count > 0 && Otherwise(tokens) is { } otherwise)
        {
            return PlanErrors.NoPlanOf(request.Sql, tokens[0].Text, otherwise, refusal);
        }
        return Missing(tokens, request.Parameters) is not { Count: > 0 } missing ? null
            : PlanErrors.NoParameter(request.Sql, missing, refusal);
    }

    /// <summary>Null for statements that have a plan.</summary>
    private static string? Otherwise(IReadOnlyList<SqlToken> tokens) => tokens[0].Text switch
    {
        _ when tokens[0].Kind != SqlTokenKind.Word => null,
        "select" or "with" or "values" or "table" or "insert" or "update" or "delete" or "merge" or "declare" or "execute" or "refresh" =>
            null,
        "create" when tokens.Any(t => t.Is("as")) && tokens.Skip(1).Take(4).Any(t => t.Is("table") || t.Is("materialized")) => null,
        "explain" => PlanErrors.WithoutExplain,
        "prepare" => PlanErrors.PreparedQuery,
        "copy" when tokens.Count > 1 && tokens[1].Is("(") => "Give the query in the parentheses of COPY (…) TO.",
        "copy" => "COPY reads or writes the table as a whole. For what it would read, give SELECT * FROM the table.",
        "call" or "do" => "Give the statements of the procedure or block one by one.",
        "vacuum" or "analyze" or "cluster" or "reindex" =>
            PlanErrors.Maintenance,
        "truncate" => "It empties all shards of the table. For the plan of removing rows, give DELETE FROM the table.",
        { } word when Statements.Contains(word) => "Give the SELECT, INSERT, UPDATE, DELETE or MERGE of which the plan is wanted.",
        _ => null,
    };

    /// <summary>The other statements of PostgreSQL; a word that is none of them is a slip of the pen.</summary>
    private static readonly HashSet<string> Statements =
    [
        "abort", "alter", "begin", "checkpoint", "close", "comment", "commit", "create", "deallocate", "discard", "drop", "end", "fetch",
        "grant", "import", "listen",
        "load", "lock", "move", "notify", "reassign", "release", "reset", "revoke", "rollback", "savepoint", "security", "set", "show",
        "start", "unlisten",
    ];

    /// <summary>Names after @ without a value. Npgsql leaves them in the SQL, where @ is an operator.</summary>
    private static List<string> Missing(IReadOnlyList<SqlToken> tokens, IDictionary? values)
    {
        HashSet<string> given = new((values?.Keys.Cast<object>() ?? []).Select(k => k.ToString()!.TrimStart('@')),
            StringComparer.OrdinalIgnoreCase);
        return [.. Enumerable.Range(0, Math.Max(0, tokens.Count - 1))
            .Where(i => tokens[i].Is("@") && tokens[i + 1].Kind == SqlTokenKind.Word && !given.Contains(tokens[i + 1].Text))
            .Select(i => tokens[i + 1].Text).Distinct()];
    }
}
