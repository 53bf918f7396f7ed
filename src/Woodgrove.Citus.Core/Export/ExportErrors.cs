using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Export;

/// <summary>Errors of exports.</summary>
internal static class ExportErrors
{
    public static CitusException NotEncodable(string character, string encoding, string left, Exception cause) =>
        new("CitusInvalidEncoding", CitusErrorKind.InvalidData,
            $"A value holds '{character}', which {encoding} cannot write; {left}.",
            "Use an -Encoding that can: utf8, or utf8BOM for a program that expects a byte order mark.", cause) { Target = character };

    public static CitusException ApostropheIsTaken() =>
        new("CitusInvalidDialect", CitusErrorKind.InvalidArgument,
            "-EscapeFormula puts an apostrophe before values, so it can be neither -Quote nor -Delimiter.",
            "Choose another character for them.");

    /// <summary>The file is complete, and the transaction of the query that its rows are from has failed at its end.</summary>
    public static CitusException NotCommitted(Exception failure, string path, long rows)
    {
        CitusException known = PostgresErrors.Describe(failure, path);
        return PostgresErrors.IsNetwork(failure)
            ? known.With($"{path} is complete with {rows} row(s), but the connection was lost while the transaction was committed: what "
                + $"the query has changed is either committed or rolled back. {known.What}",
                "If the query changes rows, see whether they are changed before you run it again.")
            : known.With($"{path} is complete with {rows} row(s), but the transaction was rolled back: the query has changed nothing. "
                + known.What, known.Advice);
    }

    /// <summary>The reason of the coordinator route.</summary>
    public const string OneAfterTheOther =
        "one COPY on the coordinator, which fetches the shards from their nodes, one after the other; "
            + "-Parallel reads them side by side.";
}
