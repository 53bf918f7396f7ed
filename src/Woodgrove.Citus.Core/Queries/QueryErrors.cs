using Npgsql;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Queries;

/// <summary>Errors of queries, and what the query itself tells of a refusal.</summary>
internal static class QueryErrors
{
    public static CitusException NotRepresentable(NpgsqlDataReader reader, int i, Exception cause) =>
        new("CitusValueNotRepresentable", CitusErrorKind.InvalidData,
            $"Column '{reader.GetName(i)}' holds a value of type {reader.GetDataTypeName(i)} that no .NET type holds exactly.",
            $"Select it as text: {TableName.QuoteIfNeeded(reader.GetName(i))}::text.", cause);

    public const string AskForPlan = "Get-CitusQueryPlan, given the same query, says why, and how to write it otherwise.";

    public static string NoValue(string name) =>
        $"@{name} has no value in -Parameter; without one the server takes @ for an operator and {name} for a column.";
}
