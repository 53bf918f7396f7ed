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

    public static CitusException NoTable(QueryTargets on) => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        $"-On {on} needs the table whose shards are meant.", "Name it with -Table.");

    public static CitusException TableOfNodes(QueryTargets on) => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        $"-Table goes with -On Shards and -On Placements, and -On {on} runs on nodes.", "Leave -Table out, or run on the table's shards.");

    public static CitusException NoShard(QueryTargets on) => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        $"With -On {on}, the query must say where the shard's name goes, and it has no {NodeQuery.Shard}.",
        $"Write {NodeQuery.Shard} in place of the table's name: SELECT count(*) FROM {NodeQuery.Shard}.");

    public const string AskForPlan = "Get-CitusQueryPlan, given the same query, says why, and how to write it otherwise.";

    public static string NoValue(string name) =>
        $"@{name} has no value in -Parameter; without one the server takes @ for an operator and {name} for a column.";
}
