using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>Errors of files and downloads.</summary>
internal static class SourceErrors
{
    public static CitusException NoFile(string path) =>
        new("CitusFileNotFound", CitusErrorKind.ObjectNotFound, $"There is no file '{path}'.",
            "Check the path; wildcards need -Path, names with brackets -LiteralPath.") { Target = path };

    public static CitusException Interrupted(CsvSource source, string what, Exception cause) =>
        new("CitusDownloadFailed", CitusErrorKind.ResourceUnavailable,
            $"{source.Name} {what}.",
            "Check the address in a browser, and the server's state; then run the command again.", cause)
                { Target = source.Name };

    public static CitusException Changed(CsvSource source, string how) =>
        new("CitusSourceChanged", CitusErrorKind.InvalidData,
            $"{source.Name} changed while it was being read: {how}.", "Load it again once it no longer changes, or download it first.")
                { Target = source.Name };

    public static CitusException Unreadable(CsvSource source, string why, Exception? cause = null, string? advice = null) =>
        new("CitusDownloadFailed", CitusErrorKind.ResourceUnavailable,
            $"{source.Name} could not be read: {why}.", advice ?? "Check the address in a browser, and the credentials it needs.", cause)
                { Target = source.Name };
}
