using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Plans;

/// <summary>Errors of queries whose plan is asked for.</summary>
internal static class PlanErrors
{
    public static CitusException NoPlan() =>
        new("CitusNoPlan", CitusErrorKind.InvalidArgument,
            "PostgreSQL runs this statement without a plan, so there is none to show.",
            "Ask for the plan of the SELECT, INSERT, UPDATE, DELETE or MERGE in it.");

    public static CitusException SeveralStatements(string sql, PostgresException refusal) =>
        new("CitusOneStatementNeeded", CitusErrorKind.InvalidArgument,
            "A plan is of one statement, and this text has several.",
            "Give them one by one; nothing has been run.", refusal) { Target = sql, SqlState = refusal.SqlState };

    public static CitusException NoAnalyze(string sql, string what, QueryExecution execution) =>
        new("CitusAnalyzeNotSupported", CitusErrorKind.NotImplemented,
            $"{what} would run as {execution}, "
                + "of which Citus has no EXPLAIN ANALYZE: it would do the work, and then fail.",
            "Leave -Analyze out; or analyze its SELECT alone, which is the part that takes the time.") { Target = sql,
                SqlState = "0A000" };

    public static CitusException NoPlanOf(string sql, string statement, string advice, PostgresException refusal) =>
        new("CitusNoPlan", CitusErrorKind.InvalidArgument,
                $"PostgreSQL runs {statement.ToUpperInvariant()} without a plan, so there is none to show.", advice, refusal)
            {
                Target = sql,
                SqlState = refusal.SqlState,
            };

    public static CitusException NoParameter(string sql, IReadOnlyList<string> missing, PostgresException refusal) =>
        new("CitusParameterMissing", CitusErrorKind.InvalidArgument,
                $"The query has {string.Join(" and ", missing.Select(m => "@" + m))}, "
                    + $"and -Parameter gives no value for {(missing.Count == 1 ? "it" : "them")}. The server said: "
                    + $"{PostgresErrors.Text(refusal)}",
                $"Give the value: -Parameter @{{ {string.Join("; ", missing.Select(m => $"{m} = <value>"))} }}.", refusal)
            {
                Target = sql,
                SqlState = refusal.SqlState,
            };

    public const string WithoutExplain =
        "Give the query without EXPLAIN; -Analyze stands for EXPLAIN ANALYZE, and -AllTasks shows every "
            + "fragment.";

    public const string PreparedQuery =
        "Give the query behind AS, with the values of its parameters in place of $1, $2, … or as @name with "
            + "-Parameter.";

    public const string Maintenance = "It works on each table, shard by shard. Get-CitusActivity shows it while it runs.";

    public const string AllowRepartition = "Allow it for this query: -Setting @{ 'citus.enable_repartition_joins' = 'on' }.";

    /// <summary>A query that Citus can't distribute.</summary>
    public static CitusException Refused(string id, string why, string advice, PostgresException refusal, string sql) =>
        new(id, CitusErrorKind.NotImplemented, $"{why} The server said: {PostgresErrors.Text(refusal)}", advice, refusal)
            { Target = sql, SqlState = refusal.SqlState };
}
