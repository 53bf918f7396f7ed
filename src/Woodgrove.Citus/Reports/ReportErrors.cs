using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Reports;

/// <summary>Errors of making and showing a report.</summary>
internal static class ReportErrors
{
    public static CitusException NothingPiped() =>
        new("CitusNothingToReport", CitusErrorKind.InvalidArgument,
            "Nothing that a report can be about came by the pipeline, so no report was written.",
            "Pipe tables (Get-DistributedTable, Measure-ShardSkew) or plans (Get-CitusQueryPlan), "
                + "or pipe nothing for a report about the whole cluster.");

    public static CitusException NoSuchTables(IEnumerable<string> patterns) =>
        new("CitusTableNotFound", CitusErrorKind.ObjectNotFound,
            $"No distributed table is named like {string.Join(", ", patterns)}.", "Get-DistributedTable lists them.");

    public static CitusException NotShown(string file, Exception cause) =>
        new("CitusReportNotShown", CitusErrorKind.NotInstalled,
            $"'{file}' is written, but could not be shown: {cause.Message.TrimEnd('.')}.",
            "Open it yourself, or name a browser's program in $env:BROWSER.", cause) { Target = file };
}
