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

    /// <summary>The reason of the coordinator route.</summary>
    public const string OneAfterTheOther =
        "one COPY on the coordinator, which fetches the shards from their nodes, one after the other; "
            + "-Parallel reads them side by side.";
}
